//! What this provider keeps in an installation's extras, besides the contract's own fields.

use crate::api_key;
use crate::bindings::brain_studio::payments::types::{InstallRequest, Installation};

/// Who made the webhook.
const MADE_BY: &str = "webhook-made-by";
/// The plugin did, and may change and delete it.
const PLUGIN: &str = "plugin";
/// The merchant did, by hand: it is not ours to touch.
const MERCHANT: &str = "merchant";
/// Whether the key is a restricted one.
const KEY_KIND: &str = "api-key-kind";
const STANDARD: &str = "standard";
const RESTRICTED: &str = "restricted";
/// By which the same key is known again. Nothing can be learned from it.
const KEY_MARK: &str = "api-key-mark";

/// Keeps what has to be known of the request's key.
pub fn remember_key(installation: &mut Installation, request: &InstallRequest) {
    let kind = if api_key::is_restricted(request) { RESTRICTED } else { STANDARD };
    set(installation, KEY_KIND, kind);
    set(installation, KEY_MARK, &api_key::mark(request));
}

/// Whether the request's key is the one that was remembered.
pub fn is_same_key(installation: &Installation, request: &InstallRequest) -> bool {
    get(installation, KEY_MARK) == Some(&api_key::mark(request))
}

/// Whether the key may lack permissions.
pub fn may_lack_permissions(installation: &Installation) -> bool {
    get(installation, KEY_KIND) != Some(STANDARD)
}

/// Keeps who made the webhook.
pub fn remember_maker(installation: &mut Installation, is_plugin: bool) {
    set(installation, MADE_BY, if is_plugin { PLUGIN } else { MERCHANT });
}

/// Whether the webhook is ours to change.
pub fn is_made_by_plugin(installation: &Installation) -> bool {
    get(installation, MADE_BY) == Some(PLUGIN)
}

fn get<'a>(installation: &'a Installation, name: &str) -> Option<&'a str> {
    let extra = installation.extras.iter().find(|(extra, _)| extra == name);
    extra.map(|(_, value)| value.as_str())
}

fn set(installation: &mut Installation, name: &str, value: &str) {
    installation.extras.retain(|(extra, _)| extra != name);
    installation.extras.push((name.to_owned(), value.to_owned()));
}
