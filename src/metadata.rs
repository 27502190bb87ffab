//! What this provider writes on the objects that it makes at Stripe, and recognises them by.
//!
//! Stripe allows 50 keys of at most 40 characters with values of at most 500.

use crate::bindings::brain_studio::payments::types::{InstallRequest, Installation};
use crate::stripe::{Fields as _, Json, Params};

/// The installation that made it.
const INSTALLATION: &str = "brain_studio_installation";
/// The workspace that it belongs to.
const WORKSPACE: &str = "brain_studio_workspace";
/// The flow's name for the payment.
const REFERENCE: &str = "brain_studio_reference";
/// The host's id of the attempt to create a payment or a refund.
const ATTEMPT: &str = "brain_studio_attempt";
/// The flow's name for the refund.
const REFUND: &str = "brain_studio_refund";

/// The metadata of an object of Stripe's, as far as it is ours.
pub struct Metadata {
    /// The installation that made it.
    pub installation: Option<String>,
    /// The workspace that it belongs to.
    pub workspace: Option<String>,
    /// The flow's name for the payment.
    pub reference: Option<String>,
    /// The host's id of the attempt.
    pub attempt: Option<String>,
    /// The flow's name for the refund.
    pub refund: Option<String>,
}

impl Metadata {
    /// The metadata among the fields of an object.
    pub fn of(object: &Json) -> Self {
        let metadata = object.field("metadata");
        Self {
            installation: metadata.string(INSTALLATION),
            workspace: metadata.string(WORKSPACE),
            reference: metadata.string(REFERENCE),
            attempt: metadata.string(ATTEMPT),
            refund: metadata.string(REFUND),
        }
    }

    /// Whether it was made by another workspace. An account may serve several of them.
    pub fn is_of_another_workspace(&self, installation: &Installation) -> bool {
        let theirs = self.workspace.as_ref();
        !installation.workspace.is_empty() && theirs.is_some_and(|id| *id != installation.workspace)
    }

    fn is_of_workspace(&self, installation: &Installation) -> bool {
        self.workspace.is_some() && !self.is_of_another_workspace(installation)
    }

    /// The flow's name for the payment, if this workspace made it.
    pub fn reference_in(&self, installation: &Installation) -> Option<String> {
        self.reference.clone().filter(|_| self.is_of_workspace(installation))
    }

    /// The flow's name for the refund, if this workspace made it.
    pub fn refund_in(&self, installation: &Installation) -> Option<String> {
        self.refund.clone().filter(|_| self.is_of_workspace(installation))
    }

    /// The host's id of the attempt, if this workspace made it.
    pub fn attempt_in(&self, installation: &Installation) -> Option<String> {
        self.attempt.clone().filter(|_| self.is_of_workspace(installation))
    }
}

/// Tags a webhook endpoint.
pub fn tag_endpoint(form: &mut Params, request: &InstallRequest) {
    form.add(&format!("metadata[{INSTALLATION}]"), &request.installation_id);
    form.add(&format!("metadata[{WORKSPACE}]"), &request.workspace);
}

/// Tags a Checkout Session and its PaymentIntent: the first keeps its own metadata, and only the
/// second's travels in `payment_intent.*` events.
pub fn tag_payment(form: &mut Params, installation: &Installation, reference: &str, attempt: &str) {
    for map in ["metadata", "payment_intent_data[metadata]"] {
        form.add(&format!("{map}[{INSTALLATION}]"), &installation.installation_id);
        form.add(&format!("{map}[{WORKSPACE}]"), &installation.workspace);
        form.add(&format!("{map}[{REFERENCE}]"), reference);
        form.add(&format!("{map}[{ATTEMPT}]"), attempt);
    }
}

/// Tags a refund.
pub fn tag_refund(form: &mut Params, installation: &Installation, reference: &str, attempt: &str) {
    form.add(&format!("metadata[{WORKSPACE}]"), &installation.workspace);
    form.add(&format!("metadata[{REFUND}]"), reference);
    form.add(&format!("metadata[{ATTEMPT}]"), attempt);
}
