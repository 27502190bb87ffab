//! What a restricted key must be allowed to do, and how to find out without doing it.
//!
//! A standard key may do everything. Writing is tried on objects that do not exist: a key that may
//! is told so with 404, one that may not with 403 and the name of the permission.

use crate::bindings::brain_studio::payments::types::{Problem, ProviderError};
use crate::problem::{enumerated, problem};
use crate::stripe::{Client, Error, Request, Response};

/// One permission of a restricted key.
pub struct Permission {
    /// Stripe's own name, as its refusals say it (`'rak_…'`). Writing includes reading.
    pub id: &'static str,
    /// What it is needed for.
    pub purpose: &'static str,
    /// Whether no payment can be taken without it.
    is_essential: bool,
    method: &'static str,
    target: &'static str,
    body: &'static str,
}

/// What registers, changes and deletes the webhook.
const WEBHOOK: &str = "rak_webhook_write";

/// All of them.
pub static PERMISSIONS: [Permission; 6] = [
    Permission {
        id: WEBHOOK,
        purpose: "register, check and remove the webhook",
        is_essential: false,
        method: "POST",
        target: "/v1/webhook_endpoints/we_0",
        body: "",
    },
    Permission {
        id: "rak_checkout_session_write",
        purpose: "create the page on which a customer pays",
        is_essential: true,
        method: "POST",
        target: "/v1/checkout/sessions/cs_0/expire",
        body: "",
    },
    Permission {
        id: "rak_payment_intent_write",
        purpose: "ask what really happened to a payment, and cancel one",
        is_essential: true,
        method: "POST",
        target: "/v1/payment_intents/pi_0/cancel",
        body: "",
    },
    Permission {
        id: "rak_charge_read",
        purpose: "see what has been refunded",
        is_essential: true,
        method: "GET",
        target: "/v1/charges?limit=1",
        body: "",
    },
    Permission {
        id: "rak_refund_write",
        purpose: "give money back",
        is_essential: false,
        method: "POST",
        target: "/v1/refunds",
        body: "payment_intent=pi_0",
    },
    Permission {
        id: "rak_event_read",
        purpose: "find events that were never delivered",
        is_essential: false,
        method: "GET",
        target: "/v1/events?limit=1",
        body: "",
    },
];

/// The permissions that a key lacks, each with the name that Stripe gives it.
#[derive(Default)]
pub struct Missing(Vec<(String, &'static Permission)>);

/// Asks Stripe for each permission, all at once.
pub fn missing(stripe: &Client) -> Result<Missing, Error> {
    missing_by(stripe.send_all(probes()))
}

/// A question for each permission.
pub fn probes() -> Vec<Request> {
    PERMISSIONS.iter().map(|one| Request::new(one.method, one.target, one.body)).collect()
}

/// What is missing, by the answers to those questions.
pub fn missing_by(
    answers: impl IntoIterator<Item = Result<Response, Error>>,
) -> Result<Missing, Error> {
    let mut missing = Missing::default();
    for (permission, answer) in PERMISSIONS.iter().zip(answers) {
        match answer {
            // It was understood: what does not exist cannot be changed.
            Ok(_) | Err(Error::NotFound(_) | Error::Refused { .. }) => {}
            Err(Error::PermissionMissing { permission: named, .. }) => {
                missing.0.push((named.unwrap_or_else(|| permission.id.to_owned()), permission));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(missing)
}

impl Missing {
    /// Whether nothing is.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the webhook cannot be registered.
    pub fn includes_webhook(&self) -> bool {
        self.0.iter().any(|(_, missing)| missing.id == WEBHOOK)
    }

    /// Whether no payment can be taken.
    pub fn is_fatal(&self) -> bool {
        self.0.iter().any(|(_, missing)| missing.is_essential)
    }

    /// The names of all of them.
    pub fn names(&self) -> String {
        enumerated(self.0.iter().map(|(name, _)| name))
    }

    /// What to tell the merchant: all of it at once.
    pub fn problem(&self) -> Problem {
        let named =
            |(name, missing): &(String, &Permission)| format!("{name} (to {})", missing.purpose);
        lacking(&enumerated(self.0.iter().map(named)))
    }
}

/// The key lives, and a call was refused.
pub fn permission_missing(named: Option<&str>) -> ProviderError {
    ProviderError::PermissionMissing(lacking(named.unwrap_or("(Stripe does not say which)")))
}

fn lacking(list: &str) -> Problem {
    problem(
        "permission-missing",
        format!("The API Key is a restricted one and lacks permissions: {list}."),
        &[
            &format!(
                "Open Stripe's page for a new key, with all that is needed ticked: {}",
                link()
            ),
            "See that the Dashboard is in the right mode (test or live), and create the key.",
            "Install again with the new key. Or turn the permissions on in the key that you have, and run a repair.",
        ],
    )
}

/// Stripe's page for a new restricted key, with everything ticked that this provider needs. Names
/// that Stripe does not know are passed over.
fn link() -> String {
    let mut link = "https://dashboard.stripe.com/apikeys/create?name=Brain%20Studio".to_owned();
    for permission in &PERMISSIONS {
        link.push_str("&permissions[]=");
        link.push_str(permission.id);
    }
    link
}
