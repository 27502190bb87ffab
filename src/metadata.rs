//! The metadata that this provider sets on the objects that it creates at Stripe, and finds them by.
//!
//! Stripe allows 50 keys of at most 40 characters, with values of at most 500. Source: Stripe's
//! documentation, "Metadata".

use crate::bindings::brain_studio::payments::types::{InstallRequest, Installation};
use crate::stripe::{Json, Params};

/// The id of the installation.
const INSTALLATION: &str = "brain_studio_installation";
/// The id of the workspace.
const WORKSPACE: &str = "brain_studio_workspace";
/// The payment's reference.
const REFERENCE: &str = "brain_studio_reference";
/// The host's id of the attempt to create the payment or the refund.
const ATTEMPT: &str = "brain_studio_attempt";
/// The refund's reference.
const REFUND: &str = "brain_studio_refund";

/// Our metadata of an object. Every field is none on an object that somebody else created.
pub struct Metadata {
    /// The id of the installation that created the object.
    pub installation: Option<String>,
    /// The id of its workspace.
    pub workspace: Option<String>,
    /// The payment's reference.
    pub reference: Option<String>,
    /// The host's id of the attempt.
    pub attempt: Option<String>,
    /// The refund's reference.
    pub refund: Option<String>,
}

impl Metadata {
    /// Reads the metadata of an object.
    pub fn of(object: Json<'_>) -> Self {
        let metadata = object.field("metadata");
        Self {
            installation: metadata.string(INSTALLATION),
            workspace: metadata.string(WORKSPACE),
            reference: metadata.string(REFERENCE),
            attempt: metadata.string(ATTEMPT),
            refund: metadata.string(REFUND),
        }
    }

    /// Whether another workspace created the object. Several workspaces may use one account.
    pub fn is_of_another_workspace(&self, installation: &Installation) -> bool {
        let theirs = self.workspace.as_ref();
        !installation.workspace.is_empty() && theirs.is_some_and(|id| *id != installation.workspace)
    }

    fn is_of_workspace(&self, installation: &Installation) -> bool {
        self.workspace.is_some() && !self.is_of_another_workspace(installation)
    }

    /// The payment's reference, if this workspace created the object.
    pub fn reference_in(&self, installation: &Installation) -> Option<String> {
        self.reference.clone().filter(|_| self.is_of_workspace(installation))
    }

    /// The refund's reference, if this workspace created the object.
    pub fn refund_in(&self, installation: &Installation) -> Option<String> {
        self.refund.clone().filter(|_| self.is_of_workspace(installation))
    }

    /// The attempt's id, if this workspace created the object.
    pub fn attempt_in(&self, installation: &Installation) -> Option<String> {
        self.attempt.clone().filter(|_| self.is_of_workspace(installation))
    }
}

/// Adds the metadata of a webhook endpoint.
pub fn tag_endpoint(params: &mut Params, request: &InstallRequest) {
    params.add(&format!("metadata[{INSTALLATION}]"), &request.installation_id);
    params.add(&format!("metadata[{WORKSPACE}]"), &request.workspace);
}

/// Adds the metadata of a Checkout Session and of its PaymentIntent. Stripe does not copy one to the
/// other, and `payment_intent.*` events carry the PaymentIntent's.
pub fn tag_payment(
    params: &mut Params,
    installation: &Installation,
    reference: &str,
    attempt: &str,
) {
    for map in ["metadata", "payment_intent_data[metadata]"] {
        params.add(&format!("{map}[{INSTALLATION}]"), &installation.installation_id);
        params.add(&format!("{map}[{WORKSPACE}]"), &installation.workspace);
        params.add(&format!("{map}[{REFERENCE}]"), reference);
        params.add(&format!("{map}[{ATTEMPT}]"), attempt);
    }
}

/// Adds the metadata of a refund.
pub fn tag_refund(
    params: &mut Params,
    installation: &Installation,
    reference: &str,
    attempt: &str,
) {
    params.add(&format!("metadata[{WORKSPACE}]"), &installation.workspace);
    params.add(&format!("metadata[{REFUND}]"), reference);
    params.add(&format!("metadata[{ATTEMPT}]"), attempt);
}
