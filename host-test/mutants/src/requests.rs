//! Requests that no plugin should send.

use andes_pay::bindings::brain_studio::payments::http::{Request, send};
use andes_pay::bindings::brain_studio::payments::types::{InstallRequest, Installation, Mode};

const SANDBOX: &str = "https://api.sandbox.andespay.example";
const LIVE: &str = "https://api.andespay.example";

fn origin(mode: Mode) -> &'static str {
    if mode == Mode::Live { LIVE } else { SANDBOX }
}

/// Sends a request, whatever becomes of it.
fn send_one(method: &str, url: String, headers: Vec<(String, String)>, body: String) {
    let method = method.to_owned();
    drop(send(&[Request { method, url, headers, body: body.into_bytes() }]));
}

/// A webhook that nobody has asked for.
pub fn make_webhook(request: &InstallRequest) {
    let url = format!("{}/dashboard/webhooks", origin(request.mode));
    let json = vec![("content-type".to_owned(), "application/json".to_owned())];
    let body = r#"{"url":"https://shop.example/hook","secret":"whk_MadeByTheMutant"}"#;
    send_one("POST", url, json, body.to_owned());
}

/// The store, whatever comes of it.
pub fn look(installation: &Installation) {
    let url = format!("{}/v1/store", origin(installation.mode));
    send_one("GET", url, Vec::new(), String::new());
}

/// A signing secret, in a header.
pub fn leak(installation: &Installation) {
    let secret = installation.webhook.signing_secrets.first().cloned().unwrap_or_default();
    let url = format!("{}/v1/store", origin(installation.mode));
    send_one("GET", url, vec![("x-debug".to_owned(), secret)], String::new());
}

/// The store in the other mode.
pub fn call_other_mode(installation: &Installation) {
    let other = if installation.mode == Mode::Live { Mode::Test } else { Mode::Live };
    send_one("GET", format!("{}/v1/store", origin(other)), Vec::new(), String::new());
}

/// A payment, whatever its id is.
pub fn call_unchecked(installation: &Installation, id: &str) {
    let url = format!("{}/v1/payments/{id}", origin(installation.mode));
    send_one("GET", url, Vec::new(), String::new());
}
