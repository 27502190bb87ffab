//! Why a use case has no result.

use thiserror::Error;

use crate::contract::types::{Mode, Money, Problem, ProviderError};
use crate::egress::PolicyError;
use crate::ledger::{LedgerError, State};
use crate::plugin::{CallError, origins_invalid};
use crate::vault::VaultError;

/// Why a use case has no result.
#[derive(Debug, Error)]
pub enum Error {
    /// The provider says no, or does not answer.
    #[error("{}", .0.problem().message)]
    Provider(ProviderError),
    /// The plugin crashed or took too long.
    #[error(transparent)]
    Plugin(#[from] CallError),
    /// The plugin's manifest asks for an origin that is none.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The ledger does not answer.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The vault does not open.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// No HTTP client could be made.
    #[error("{0}")]
    Client(String),
    /// What was stored of an installation cannot be read.
    #[error("what was stored of the installation cannot be read")]
    RecordUnreadable,
    /// The plugin has answered for another installation than it was asked about.
    #[error("the plugin has answered for another installation")]
    RecordForeign,
    /// An uninstall that was cut off is finished now.
    #[error("an uninstall that had been cut off was finished")]
    UninstallFinished,
    /// There is no installation.
    #[error("the provider is not installed")]
    NotInstalled,
    /// An install or uninstall was begun and not finished.
    #[error("an install or uninstall was not finished")]
    Unfinished(State),
    /// Another install or uninstall has ended this one meanwhile.
    #[error("another install or uninstall has ended this one")]
    Superseded,
    /// The provider is installed in the other mode.
    #[error("the provider is installed in {} mode", .installed.as_str())]
    ModeMismatch {
        /// The provider's name.
        provider: String,
        /// The mode that it is installed in. The other one was asked for.
        installed: Mode,
    },
    /// The webhook of the installation is made in the other way.
    #[error("the webhook of the installation is made in the other way")]
    WebhookSetupDiffers,
    /// The operator has not approved what the plugin asks for: its origins, and what it is given.
    #[error("the plugin's origins are not approved")]
    OriginsNotApproved(Vec<(String, String)>),
    /// The reference names a payment of another amount.
    #[error("the reference was used for another amount")]
    ReferenceUsed(Money),
    /// The provider has not answered for the payment yet.
    #[error("the provider has not answered for the payment yet")]
    PaymentUnnamed,
    /// There is no such payment.
    #[error("there is no such payment")]
    PaymentUnknown(Mode),
}

/// What kind of failure it is: the exit code of the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failing {
    /// The answer is no.
    Refused,
    /// Not now: trying again may help.
    Later,
    /// Something in the host, the plugin or the data folder is broken.
    Broken,
}

impl From<ProviderError> for Error {
    fn from(error: ProviderError) -> Self {
        Self::Provider(error)
    }
}

impl Error {
    /// What kind of failure it is.
    #[must_use]
    pub fn failing(&self) -> Failing {
        match self {
            Self::Provider(
                ProviderError::Unavailable(_)
                | ProviderError::UnknownOutcome(_)
                | ProviderError::ReplayedFailure(_),
            )
            | Self::Ledger(LedgerError::Locked | LedgerError::DiskFull)
            | Self::Plugin(CallError::TimedOut)
            | Self::PaymentUnnamed => Failing::Later,
            Self::Provider(_)
            | Self::NotInstalled
            | Self::UninstallFinished
            | Self::Unfinished(_)
            | Self::Superseded
            | Self::ModeMismatch { .. }
            | Self::WebhookSetupDiffers
            | Self::OriginsNotApproved(_)
            | Self::ReferenceUsed(_)
            | Self::PaymentUnknown(_) => Failing::Refused,
            Self::Plugin(_)
            | Self::Policy(_)
            | Self::Ledger(_)
            | Self::Vault(_)
            | Self::Client(_)
            | Self::RecordForeign
            | Self::RecordUnreadable => Failing::Broken,
        }
    }

    /// What to tell a person.
    #[must_use]
    pub fn problem(&self) -> Problem {
        match self {
            Self::Provider(error) => error.problem().clone(),
            Self::Plugin(error) => error.problem(),
            Self::Ledger(error) => error.problem(),
            Self::Vault(error) => error.problem(),
            Self::Policy(error) => origins_invalid(error),
            Self::Client(why) => Problem::new(
                "client-unusable",
                format!("No HTTPS client could be made: {why}."),
                &[
                    "Check that this computer's certificates are installed (on Debian: ca-certificates).",
                ],
            ),
            Self::RecordUnreadable => Problem::new(
                "installation-unreadable",
                "What was stored of the installation cannot be read.",
                &["Uninstall with --force, and install again."],
            ),
            Self::RecordForeign => Problem::new(
                "installation-foreign",
                "The plugin has answered for another installation than it was asked about. Nothing was stored.",
                &["Do not use this component, and tell who made it."],
            ),
            Self::UninstallFinished => Problem::new(
                "not-installed",
                "An uninstall that had been cut off was finished: nothing is installed any more.",
                &["Run `host-test install` to connect again."],
            ),
            Self::NotInstalled => Problem::new(
                "not-installed",
                "Nothing is installed in this workspace.",
                &["Run `host-test install` first."],
            ),
            Self::Unfinished(State::Uninstalling) => Problem::new(
                "uninstall-unfinished",
                "An uninstall was begun and not finished.",
                &["Run `host-test uninstall` again."],
            ),
            Self::Unfinished(_) => Problem::new(
                "install-unfinished",
                "An install was begun and not finished.",
                &["Run `host-test status`, which finishes it."],
            ),
            Self::Superseded => Problem::new(
                "install-superseded",
                "Another install or uninstall was run at the same time, and has ended this one.",
                &[
                    "Run `host-test status` to see how it stands.",
                    "Install again if nothing is installed.",
                ],
            ),
            Self::ModeMismatch { provider, installed } => mode_mismatch(provider, *installed),
            Self::WebhookSetupDiffers => Problem::new(
                "webhook-setup-differs",
                "The webhook of this installation is made in the other way (by hand, or automatically).",
                &[
                    "Leave out --webhook to keep it as it is.",
                    "To change it, uninstall and install again.",
                ],
            ),
            Self::OriginsNotApproved(origins) => origins_not_approved(origins),
            Self::ReferenceUsed(amount) => reference_used(amount),
            Self::PaymentUnnamed => Problem::new(
                "payment-unnamed",
                "The provider has not answered yet for this payment, so nothing can be done with it.",
                &[
                    "Run `host-test pay` again with the same reference: that is safe, and finds out.",
                ],
            ),
            Self::PaymentUnknown(mode) => payment_unknown(*mode),
        }
    }
}

fn mode_mismatch(provider: &str, installed: Mode) -> Problem {
    let (installed, given) = match installed {
        Mode::Test => ("test", "live"),
        Mode::Live => ("live", "test"),
    };
    Problem::new(
        "mode-mismatch",
        format!("{provider} is installed in {installed} mode, and this is a {given} key."),
        &[
            &format!("To change the mode, uninstall {provider}."),
            "Install it again with the new key.",
        ],
    )
}

fn origins_not_approved(approvals: &[(String, String)]) -> Problem {
    let list: Vec<&str> = approvals.iter().map(|(_, what)| what.as_str()).collect();
    Problem::new(
        "origins-not-approved",
        format!("This component wants {}, which has not been approved for it.", list.join(", ")),
        &["If you trust it with that, run `host-test install` with --approve-origins."],
    )
}

fn reference_used(amount: &Money) -> Problem {
    Problem::new(
        "reference-used",
        format!(
            "This reference names a payment of another amount already: {}.",
            crate::money::display(amount)
        ),
        &["Use another reference for another payment, or the same amount for the same one."],
    )
}

fn payment_unknown(mode: Mode) -> Problem {
    let mode = mode.as_str();
    Problem::new(
        "payment-unknown",
        format!("No payment with this reference or name is known in {mode} mode."),
        &["Check the reference that the payment was created with."],
    )
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    /// One of each case whose text is of this file. A new case has to be added here: `problem` has no
    /// other.
    fn all() -> Vec<Error> {
        let amount = Money { minor_units: 1050, currency: "usd".to_owned() };
        let approvals = vec![("origin".to_owned(), "to call https://api.example".to_owned())];
        let mismatch =
            |installed| Error::ModeMismatch { provider: "Example".to_owned(), installed };
        vec![
            Error::Client("no certificates".to_owned()),
            Error::RecordUnreadable,
            Error::RecordForeign,
            Error::UninstallFinished,
            Error::NotInstalled,
            Error::Unfinished(State::Uninstalling),
            Error::Unfinished(State::Installing),
            Error::Superseded,
            mismatch(Mode::Test),
            mismatch(Mode::Live),
            Error::WebhookSetupDiffers,
            Error::OriginsNotApproved(approvals),
            Error::ReferenceUsed(amount),
            Error::PaymentUnnamed,
            Error::PaymentUnknown(Mode::Test),
            Error::Ledger(LedgerError::Locked),
            Error::Ledger(LedgerError::Corrupt),
            Error::Ledger(LedgerError::DiskFull),
            Error::Ledger(LedgerError::File("permission denied".to_owned())),
            Error::Ledger(LedgerError::Newer(9)),
            Error::Ledger(LedgerError::Other("constraint failed".to_owned())),
        ]
    }

    #[test]
    fn messages_are_unchanged() {
        let mut text = String::new();
        for error in all() {
            let Problem { code, message, remedy } = error.problem();
            let _ = writeln!(text, "{code}\n  {message}");
            for step in remedy {
                let _ = writeln!(text, "  → {step}");
            }
        }
        insta::with_settings!({ omit_expression => true }, {
            insta::assert_snapshot!("messages", text);
        });
    }
}
