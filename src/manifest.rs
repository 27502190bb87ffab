//! What this provider is and needs: all that a host has to know before it runs it.

use crate::bindings::brain_studio::payments::types::{
    CredentialField, Manifest, Origin, Permission,
};
use crate::permissions::PERMISSIONS;
use crate::webhook::SIGNATURE_HEADER;

/// The credential that authorises every call.
pub const API_KEY: &str = "api-key";
/// The signing secret of a webhook that the merchant made by hand.
pub const WEBHOOK_SECRET: &str = "webhook-secret";

/// The three events of the guide, in its order: what a webhook has to deliver, exactly.
pub const WEBHOOK_EVENTS: [&str; 3] =
    ["payment_intent.succeeded", "payment_intent.requires_action", "payment_intent.payment_failed"];

/// The manifest.
pub fn manifest() -> Manifest {
    Manifest {
        provider_id: "STRIPE".to_owned(),
        name: "Stripe".to_owned(),
        category: "payments".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        credentials: vec![
            CredentialField {
                name: API_KEY.to_owned(),
                label: "API Key".to_owned(),
                help: "Paste your Secret API Key (sk_test_... or sk_live_...). Do not use the Publishable key (pk_...).".to_owned(),
                required: true,
                secret: true,
            },
            CredentialField {
                name: WEBHOOK_SECRET.to_owned(),
                label: "Signing secret".to_owned(),
                help: "Only for a webhook that you have made by hand: the signing secret that Stripe shows for it (whsec_...).".to_owned(),
                required: false,
                secret: true,
            },
        ],
        events: WEBHOOK_EVENTS.iter().map(|&event| event.to_owned()).collect(),
        origins: vec![Origin {
            url: crate::stripe::ORIGIN.to_owned(),
            credential: Some(API_KEY.to_owned()),
            scheme: "bearer".to_owned(),
        }],
        signature_header: SIGNATURE_HEADER.to_owned(),
        permissions: PERMISSIONS
            .iter()
            .map(|permission| Permission {
                id: permission.id.to_owned(),
                purpose: permission.purpose.to_owned(),
            })
            .collect(),
        extras: vec![("api-version".to_owned(), crate::stripe::API_VERSION.to_owned())],
    }
}
