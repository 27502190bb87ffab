//! Errors of the use cases.

mod plugin_problems;
mod problems;
#[cfg(test)]
mod tests;

use thiserror::Error;

use super::closing::OpenPayment;
use crate::contract::types::{Mode, Money, Problem, ProviderError};
use crate::data_folder::DataFolderError;
use crate::egress::PolicyError;
use crate::plugin::{CallError, origins_invalid};
use crate::vault::VaultError;
use ledger::{Component, InstallationState, LedgerError};
use plugin_problems::{
    delivery_not_kept, provider_changed, provider_not_chosen, provider_twice, provider_unknown,
};
use problems::{
    attention_not_acceptable, attention_unknown, client_unusable, component_differs,
    component_not_approved, cursor_repeated, hash_differs, installation_foreign, ledger_restored,
    listing_endless, mode_mismatch, other_account, page_missing, page_origin_malformed, paid_late,
    payment_disputed, payment_unknown, payments_open, ports_not_approved, position_unknown,
    reference_used, refund_reference_used, refund_too_large, refund_undecided, refund_unknown,
    webhook_setup_differs, workspace_unknown,
};

/// Why a use case failed.
#[derive(Debug, Error)]
pub enum Error {
    /// The provider refused, or did not answer.
    #[error("{}", .0.problem().message)]
    Provider(ProviderError),
    /// The plugin trapped, took too long or broke the contract.
    #[error(transparent)]
    Plugin(#[from] CallError),
    /// An origin in the plugin's manifest is invalid.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The data folder is not private, or cannot be used.
    #[error(transparent)]
    DataFolder(#[from] DataFolderError),
    /// The vault cannot be opened, or a sealed value cannot.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The HTTP client could not be created.
    #[error("{0}")]
    Client(String),
    /// The stored installation cannot be decoded.
    #[error("the stored installation cannot be read")]
    InstallationUnreadable,
    /// The plugin returned an installation with another id, workspace or mode.
    #[error("the plugin returned another installation")]
    InstallationForeign,
    /// An interrupted uninstall was finished, so nothing is installed any more.
    #[error("an interrupted uninstall was finished")]
    UninstallFinished,
    /// There is no workspace of this name.
    #[error("there is no such workspace")]
    WorkspaceUnknown(String),
    /// Nothing is installed in the workspace.
    #[error("nothing is installed")]
    NotInstalled,
    /// An install or uninstall was interrupted.
    #[error("an install or uninstall was interrupted")]
    Unfinished(InstallationState),
    /// A parallel install or uninstall has replaced this one.
    #[error("another install or uninstall has replaced this one")]
    Superseded,
    /// The provider is installed in the other mode.
    #[error("the provider is installed in {} mode", .installed.as_str())]
    ModeMismatch {
        /// The provider's name.
        provider: String,
        /// The mode that is installed.
        installed: Mode,
    },
    /// The installation's webhook is created by the other side: by hand, or by the plugin.
    #[error("the webhook of the installation is created in another way")]
    WebhookSetupDiffers,
    /// The operator has not approved the component: each subject, and what it may do.
    #[error("the component is not approved")]
    ComponentNotApproved(Vec<(String, String)>),
    /// The component is another one than the operator has read about.
    #[error("the component has another SHA-256")]
    HashDiffers,
    /// The origin of a page is not in its exact form.
    #[error("the page's origin cannot be used: {0}")]
    PageOriginMalformed(PolicyError),
    /// The component uses these ports other than 443, which the operator has not named.
    #[error("the component uses ports that were not named")]
    PortsNotApproved(Vec<u16>),
    /// The installation belongs to another component.
    #[error("the installation belongs to another component")]
    ComponentDiffers {
        /// Its component.
        installed: Component,
        /// Whether the one in use is the built-in one.
        own_is_built_in: bool,
    },
    /// The reference names a payment of this other amount.
    #[error("the reference was used for another amount")]
    ReferenceUsed(Money),
    /// The payment waits for its customer, and no page is known to which that one may be sent.
    #[error("the payment has no page")]
    PageMissing,
    /// The provider has given the payment no id yet, because the create has no answer.
    #[error("the provider has not answered for the payment yet")]
    NoRemoteId,
    /// An attempt of this reference that was over has received money: the provider's id of its payment.
    #[error("the reference was paid late")]
    PaidLate(Option<String>),
    /// The payment was created in this other account of the provider.
    #[error("the payment is of another account")]
    OtherAccount {
        /// The provider's id of that account.
        account: String,
    },
    /// These payments cannot be closed, so that customers can still pay them.
    #[error("payments are open")]
    PaymentsOpen(Vec<OpenPayment>),
    /// The payment of the reference was refunded completely.
    #[error("the payment was refunded")]
    PaymentRefunded,
    /// The payment is not paid, so nothing can be refunded.
    #[error("the payment is not paid")]
    PaymentNotPaid,
    /// The payment is disputed, so that it cannot be refunded.
    #[error("the payment is disputed")]
    PaymentDisputed,
    /// The reference names a refund of this other amount.
    #[error("the reference was used for another refund")]
    RefundReferenceUsed(Money),
    /// Only this amount is left to refund.
    #[error("the refund is too large")]
    RefundTooLarge(Money),
    /// The provider has stored a failure for a refund, and it cannot be found.
    #[error("it is not known whether the refund was made")]
    RefundUnknown,
    /// What is left is reserved by these other refunds, which are not decided.
    #[error("other refunds of the payment are not decided")]
    RefundUndecided(Vec<String>),
    /// There is no such payment in this mode.
    #[error("there is no such payment")]
    PaymentUnknown(Mode),
    /// A backup was restored, and what was paid since then is not known yet.
    #[error("the ledger was restored from a backup")]
    LedgerRestored,
    /// No open entry of the attention list has this number.
    #[error("there is no such entry")]
    AttentionUnknown(u64),
    /// The entry is not about money that could be accepted.
    #[error("the entry is not about money")]
    AttentionNotAcceptable(u64),
    /// The plugin has returned a cursor that it was given before.
    #[error("the plugin repeats its cursor")]
    CursorRepeated,
    /// The plugin's list of events has not ended after so many pages.
    #[error("the plugin's list of events has no end after {0} pages")]
    ListingEndless(u32),
    /// No transition has this position or a later one.
    #[error("no transition has the position {0} yet")]
    PositionUnknown(u64),
    /// Two plugins are of this provider.
    #[error("two plugins are of the provider {0}")]
    ProviderTwice(String),
    /// No plugin is of the provider that was named. The providers that there are.
    #[error("no plugin is of that provider")]
    ProviderUnknown(Vec<String>),
    /// There are plugins of these providers, and none was named.
    #[error("there are several providers, and none was named")]
    ProviderNotChosen(Vec<String>),
    /// A changed component is of another provider than the one before.
    #[error("the changed component is of another provider")]
    ProviderChanged {
        /// The provider that is served.
        served: String,
        /// The provider of the changed component.
        given: String,
    },
    /// No such delivery was kept.
    #[error("no such delivery was kept")]
    DeliveryNotKept,
}

/// The kind of an error. It decides the exit code of the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The request was refused. Repeating it does not help.
    Refused,
    /// The request failed for now. Repeating it may help.
    Temporary,
    /// The host, the plugin or the data folder is broken.
    Broken,
}

impl From<ProviderError> for Error {
    fn from(error: ProviderError) -> Self {
        Self::Provider(error)
    }
}

impl Error {
    /// The kind of the error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Provider(
                ProviderError::Unavailable(_)
                | ProviderError::UnknownOutcome(_)
                | ProviderError::ReplayedFailure(_),
            )
            | Self::Ledger(LedgerError::Locked | LedgerError::DiskFull)
            | Self::Plugin(
                CallError::TimedOut | CallError::NoPlace(_) | CallError::HostLimitReached(_),
            )
            | Self::LedgerRestored
            | Self::NoRemoteId => ErrorKind::Temporary,
            Self::Vault(error) if error.is_temporary() => ErrorKind::Temporary,
            Self::Vault(VaultError::NoNewKey | VaultError::SameKey)
            | Self::Provider(_)
            | Self::WorkspaceUnknown(_)
            | Self::HashDiffers
            | Self::PageOriginMalformed(_)
            | Self::NotInstalled
            | Self::UninstallFinished
            | Self::Unfinished(_)
            | Self::Superseded
            | Self::ModeMismatch { .. }
            | Self::WebhookSetupDiffers
            | Self::ComponentNotApproved(_)
            | Self::PortsNotApproved(_)
            | Self::ComponentDiffers { .. }
            | Self::ReferenceUsed(_)
            | Self::PageMissing
            | Self::PaidLate(_)
            | Self::OtherAccount { .. }
            | Self::PaymentsOpen(_)
            | Self::PaymentRefunded
            | Self::PaymentNotPaid
            | Self::PaymentDisputed
            | Self::RefundReferenceUsed(_)
            | Self::RefundTooLarge(_)
            | Self::RefundUnknown
            | Self::RefundUndecided(_)
            | Self::PaymentUnknown(_)
            | Self::AttentionUnknown(_)
            | Self::AttentionNotAcceptable(_)
            | Self::PositionUnknown(_)
            | Self::ProviderTwice(_)
            | Self::ProviderUnknown(_)
            | Self::ProviderNotChosen(_)
            | Self::ProviderChanged { .. }
            | Self::DeliveryNotKept => ErrorKind::Refused,
            Self::Plugin(_)
            | Self::CursorRepeated
            | Self::ListingEndless(_)
            | Self::Policy(_)
            | Self::Ledger(_)
            | Self::DataFolder(_)
            | Self::Vault(_)
            | Self::Client(_)
            | Self::InstallationForeign
            | Self::InstallationUnreadable => ErrorKind::Broken,
        }
    }

    /// The error for a person.
    #[must_use]
    pub fn problem(&self) -> Problem {
        match self {
            Self::Provider(error) => error.problem().clone(),
            Self::Plugin(error) => error.problem(),
            Self::Ledger(error) => error.problem().into(),
            Self::DataFolder(error) => error.problem(),
            Self::Vault(error) => error.problem(),
            Self::Policy(error) => origins_invalid(error),
            Self::Client(why) => client_unusable(why),
            Self::InstallationUnreadable => Problem::new(
                "installation-unreadable",
                "The stored installation cannot be read.",
                &["Run `host-test uninstall --force`, and install again."],
            ),
            Self::InstallationForeign => installation_foreign(),
            Self::UninstallFinished => Problem::new(
                "not-installed",
                "An interrupted uninstall was finished. Nothing is installed any more.",
                &["Run `host-test install` to install again."],
            ),
            Self::WorkspaceUnknown(name) => workspace_unknown(name),
            Self::NotInstalled => Problem::new(
                "not-installed",
                "Nothing is installed in this workspace.",
                &["Run `host-test install` first."],
            ),
            Self::Unfinished(InstallationState::Uninstalling) => Problem::new(
                "uninstall-unfinished",
                "An uninstall was interrupted.",
                &["Run `host-test uninstall` again to finish it."],
            ),
            Self::Unfinished(_) => Problem::new(
                "install-unfinished",
                "An install was interrupted.",
                &["Run `host-test status`, which finishes it."],
            ),
            Self::Superseded => Problem::new(
                "install-superseded",
                "Another install or uninstall ran at the same time and has replaced this one.",
                &[
                    "Run `host-test status` to see what is installed.",
                    "If nothing is installed, install again.",
                ],
            ),
            Self::ModeMismatch { provider, installed } => mode_mismatch(provider, *installed),
            Self::WebhookSetupDiffers => webhook_setup_differs(),
            Self::HashDiffers => hash_differs(),
            Self::PageOriginMalformed(error) => page_origin_malformed(error),
            Self::ComponentNotApproved(approvals) => component_not_approved(approvals),
            Self::PortsNotApproved(ports) => ports_not_approved(ports),
            Self::ComponentDiffers { installed, own_is_built_in } => {
                component_differs(installed, *own_is_built_in)
            }
            Self::ReferenceUsed(amount) => reference_used(amount),
            Self::PageMissing => page_missing(),
            Self::NoRemoteId => Problem::new(
                "payment-unnamed",
                "The provider has not confirmed this payment yet, so nothing can be done with it.",
                &[
                    "Run `host-test pay` again with the same reference. This is safe: it never charges twice.",
                ],
            ),
            Self::PaidLate(payment) => paid_late(payment.as_deref()),
            Self::OtherAccount { account } => other_account(account),
            Self::PaymentsOpen(open) => payments_open(open),
            Self::PaymentRefunded => Problem::new(
                "payment-refunded",
                "The payment with this reference was paid and then refunded completely.",
                &["For a new payment, use a new reference."],
            ),
            Self::PaymentNotPaid => Problem::new(
                "payment-not-paid",
                "This payment is not paid, so there is nothing to refund.",
                &["To make sure that it is never paid, cancel it."],
            ),
            Self::PaymentDisputed => payment_disputed(),
            Self::RefundReferenceUsed(amount) => refund_reference_used(amount),
            Self::RefundTooLarge(left) => refund_too_large(left),
            Self::RefundUnknown => refund_unknown(),
            Self::RefundUndecided(references) => refund_undecided(references),
            Self::PaymentUnknown(mode) => payment_unknown(*mode),
            Self::LedgerRestored => ledger_restored(),
            Self::AttentionUnknown(id) => attention_unknown(*id),
            Self::AttentionNotAcceptable(id) => attention_not_acceptable(*id),
            Self::CursorRepeated => cursor_repeated(),
            Self::ListingEndless(pages) => listing_endless(*pages),
            Self::PositionUnknown(position) => position_unknown(*position),
            Self::ProviderTwice(provider) => provider_twice(provider),
            Self::ProviderUnknown(known) => provider_unknown(known),
            Self::ProviderNotChosen(known) => provider_not_chosen(known),
            Self::ProviderChanged { served, given } => provider_changed(served, given),
            Self::DeliveryNotKept => delivery_not_kept(),
        }
    }
}
