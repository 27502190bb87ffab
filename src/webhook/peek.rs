//! Which installation a delivery may be for. Anyone can send one: nothing in here is trusted.

use crate::bindings::brain_studio::payments::types::{WebhookHint, WebhookRequest};
use crate::metadata::Metadata;
use crate::payments::mode;
use crate::stripe::Json;

/// The parameter of the webhook's URL that names the installation.
pub const INSTALLATION_PARAMETER: &str = "installation";

/// Looks at the query, then at the body: a snapshot event, or a thin one.
pub fn peek(request: &WebhookRequest) -> WebhookHint {
    // An installation's id is safe in a URL: there is nothing to decode.
    let in_query = request.query.split('&').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        (name == INSTALLATION_PARAMETER).then(|| value.to_owned())
    });
    let event = Json::parse(&request.body).unwrap_or_default();
    let snapshot = event.field("data").field("object");
    let payment = snapshot.string("id").or_else(|| event.field("related_object").string("id"));
    WebhookHint {
        installation: in_query.or_else(|| Metadata::of(snapshot).installation),
        payment: payment.filter(|id| id.starts_with("pi_")),
        mode: event.flag("livemode").map(mode),
    }
}
