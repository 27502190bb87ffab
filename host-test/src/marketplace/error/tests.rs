//! The messages, kept as a snapshot.

use std::fmt::Write as _;

use super::*;

/// Each case whose text is in this module or the ledger's.
fn errors() -> Vec<Error> {
    let amount = Money { minor_units: 1050, currency: "usd".to_owned() };
    let approvals = vec![("origin".to_owned(), "to call https://api.example".to_owned())];
    let mismatch = |installed| Error::ModeMismatch { provider: "Example".to_owned(), installed };
    let differs = |is_built_in, own_is_built_in| Error::ComponentDiffers {
        installed: Component { sha256: "ab01".to_owned(), is_built_in },
        own_is_built_in,
    };
    vec![
        Error::DataFolder(DataFolderError::Open("data".into())),
        Error::DataFolder(DataFolderError::OtherOwner("data".into())),
        Error::DataFolder(DataFolderError::NoPlainFile("data/vault.key".into())),
        Error::DataFolder(DataFolderError::Unusable(
            "data".into(),
            std::io::Error::other("denied"),
        )),
        Error::Client("no certificates".to_owned()),
        Error::InstallationUnreadable,
        Error::InstallationForeign,
        Error::UninstallFinished,
        Error::WorkspaceUnknown("shop".to_owned()),
        Error::NotInstalled,
        Error::Unfinished(InstallationState::Uninstalling),
        Error::Unfinished(InstallationState::Installing),
        Error::Superseded,
        mismatch(Mode::Test),
        mismatch(Mode::Live),
        Error::WebhookSetupDiffers,
        Error::HashDiffers,
        Error::ComponentNotApproved(approvals),
        Error::PortsNotApproved(vec![8443, 9443]),
        differs(false, true),
        differs(false, false),
        differs(true, false),
        Error::ReferenceUsed(amount.clone()),
        Error::PageMissing,
        Error::NoRemoteId,
        Error::PaidLate(Some("pi_1".to_owned())),
        Error::OtherAccount { account: "acct_1".to_owned() },
        Error::PaymentsOpen(vec![OpenPayment {
            reference: "order-1".to_owned(),
            payment: Some("cs_1".to_owned()),
            because: Problem::new("voucher", "The customer has a voucher.", &["Wait."]),
        }]),
        Error::PaymentRefunded,
        Error::PaymentNotPaid,
        Error::PaymentDisputed,
        Error::RefundReferenceUsed(amount.clone()),
        Error::RefundTooLarge(amount.clone()),
        Error::RefundTooLarge(Money { minor_units: 0, ..amount.clone() }),
        Error::RefundUnknown,
        Error::RefundUndecided(vec!["r1".to_owned()]),
        Error::PaymentUnknown(Mode::Test),
        Error::PositionUnknown(100_000),
        Error::LedgerRestored,
        Error::AttentionUnknown(7),
        Error::AttentionNotAcceptable(7),
        Error::CursorRepeated,
        Error::ListingEndless(5000),
        Error::ProviderTwice("ANDES".to_owned()),
        Error::ProviderUnknown(vec!["ANDES".to_owned()]),
        Error::ProviderNotChosen(vec!["ANDES".to_owned(), "INTI".to_owned()]),
        Error::ProviderChanged { served: "ANDES".to_owned(), given: "INTI".to_owned() },
        Error::DeliveryNotKept,
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
    for error in errors() {
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
