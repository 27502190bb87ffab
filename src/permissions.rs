//! The permissions that a restricted key needs, and how to test for them without a change.
//!
//! A standard key has every permission. A write permission is tested on an object that does not exist:
//! Stripe answers 404 if the key has the permission, else 403 with the permission's name.

use crate::bindings::brain_studio::payments::types::{Problem, ProviderError};
use crate::problem::{enumerated, problem};
use crate::stripe::{Client, Error, Request, Response};

/// One permission of a restricted key.
pub struct Permission {
    /// Stripe's name, as in its 403 answers (`'rak_…'`). A write permission includes the read one.
    pub id: &'static str,
    /// What the plugin does with it.
    pub purpose: &'static str,
    /// Whether no payment is possible without it.
    is_essential: bool,
    method: &'static str,
    target: &'static str,
    body: &'static str,
}

/// The permission to create, change and delete webhook endpoints.
const WEBHOOK: &str = "rak_webhook_write";

/// The permissions that a restricted key needs.
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
        purpose: "read payments and cancel them",
        is_essential: true,
        method: "POST",
        target: "/v1/payment_intents/pi_0/cancel",
        body: "",
    },
    Permission {
        id: "rak_charge_read",
        purpose: "see how much was refunded",
        is_essential: true,
        method: "GET",
        target: "/v1/charges?limit=1",
        body: "",
    },
    Permission {
        id: "rak_refund_write",
        purpose: "refund payments",
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

/// Tests every permission at the same time.
pub fn missing(stripe: &Client) -> Result<Missing, Error> {
    missing_from(stripe.send_all(probes()))
}

/// The requests that test the permissions, in their order.
pub fn probes() -> Vec<Request> {
    PERMISSIONS.iter().map(|one| Request::new(one.method, one.target, one.body)).collect()
}

/// The missing permissions, by the answers to `probes`.
pub fn missing_from(
    answers: impl IntoIterator<Item = Result<Response, Error>>,
) -> Result<Missing, Error> {
    let mut missing = Missing::default();
    for (permission, answer) in PERMISSIONS.iter().zip(answers) {
        match answer {
            // The key has the permission; the object does not exist.
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
    /// Whether no permission is missing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the key may not create webhook endpoints.
    pub fn includes_webhook(&self) -> bool {
        self.0.iter().any(|(_, missing)| missing.id == WEBHOOK)
    }

    /// Whether no payment is possible.
    pub fn is_fatal(&self) -> bool {
        self.0.iter().any(|(_, missing)| missing.is_essential)
    }

    /// Their names, separated by commas.
    pub fn names(&self) -> String {
        enumerated(self.0.iter().map(|(name, _)| name))
    }

    /// The problem for the merchant. It names all of them.
    pub fn problem(&self) -> Problem {
        let named =
            |(name, missing): &(String, &Permission)| format!("{name} (to {})", missing.purpose);
        problem_of(&enumerated(self.0.iter().map(named)))
    }
}

/// The error for a request that was refused with 403.
pub fn permission_missing(named: Option<&str>) -> ProviderError {
    ProviderError::PermissionMissing(problem_of(named.unwrap_or("(Stripe does not say which)")))
}

fn problem_of(list: &str) -> Problem {
    problem(
        "permission-missing",
        format!("The API Key is a restricted key, and these permissions are missing: {list}."),
        &[
            &format!(
                "Open Stripe's page for a new restricted key. The permissions are selected already: {}",
                link()
            ),
            "Check that the Dashboard is in the right mode (test or live), and create the key.",
            "Install again with the new key. Or add the permissions to the key that you have, and run a repair.",
        ],
    )
}

/// Stripe's page for a new restricted key with the permissions selected. Stripe ignores names that it
/// does not know.
fn link() -> String {
    let mut link = "https://dashboard.stripe.com/apikeys/create?name=Brain%20Studio".to_owned();
    for permission in &PERMISSIONS {
        link.push_str("&permissions[]=");
        link.push_str(permission.id);
    }
    link
}
