//! Reading which payment and installation a delivery may be about. Nothing of it is trusted, because
//! anyone can send a delivery.

use crate::bindings::brain_studio::payments::types::{WebhookIdentity, WebhookRequest};
use crate::metadata::Metadata;
use crate::payments::mode;
use crate::stripe::parse;

/// Reads the ids in the body of a snapshot or thin event.
pub fn identify(request: &WebhookRequest) -> WebhookIdentity {
    let body = parse(&request.body).unwrap_or_default();
    let event = body.root();
    let snapshot = event.field("data").field("object");
    let metadata = Metadata::of(snapshot);
    let payment = snapshot.string("id").or_else(|| event.field("related_object").string("id"));
    WebhookIdentity {
        installation: metadata.installation,
        account: event.string("account"),
        reference: metadata.reference,
        payment: payment.filter(|id| id.starts_with("pi_")),
        mode: event.flag("livemode").map(mode),
    }
}
