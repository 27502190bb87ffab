//! The host's side of the contract in `wit/`, generated.
//!
//! The generated records derive `Debug`, and some hold a secret: nothing in this crate formats one
//! with it (the lint `clippy::use_debug` is on).
#![allow(missing_docs, clippy::pedantic, clippy::use_debug)]

wasmtime::component::bindgen!({
    path: "../wit",
    world: "payment-plugin",
    exports: { default: async },
    additional_derives: [PartialEq, serde::Serialize, serde::Deserialize],
});

impl types::Installation {
    /// An installation in test mode that knows nothing but its signing secrets: for looking at one
    /// delivery.
    #[must_use]
    pub fn ad_hoc(signing_secrets: Vec<String>) -> Self {
        Self {
            installation_id: "ad-hoc".to_owned(),
            workspace: String::new(),
            mode: types::Mode::Test,
            account: None,
            webhook: types::WebhookRegistration {
                endpoint_id: None,
                url: String::new(),
                signing_secrets,
                problem: None,
            },
            extras: Vec::new(),
        }
    }
}

pub use brain_studio::payments::{http, types};
pub use exports::brain_studio::payments::payment_provider;
