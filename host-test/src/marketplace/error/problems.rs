//! The problems of errors that carry values.

use ledger::Component;

use super::OpenPayment;
use crate::contract::types::{Mode, Money, Problem};
use crate::egress::PolicyError;
use crate::foreign::line;

pub(super) fn client_unusable(why: &str) -> Problem {
    Problem::new(
        "client-unusable",
        format!("The HTTPS client could not be created: {why}."),
        &["Check that this computer's certificates are installed (on Debian: ca-certificates)."],
    )
}

/// How much of a workspace's name is shown, in characters. Our own choice.
const LONGEST_NAME: usize = 100;

pub(super) fn workspace_unknown(name: &str) -> Problem {
    Problem::new(
        "workspace-unknown",
        format!("There is no workspace '{}'.", line(name, LONGEST_NAME)),
        &["Check its name. An install in a new workspace creates it."],
    )
}

pub(super) fn mode_mismatch(provider: &str, installed: Mode) -> Problem {
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

pub(super) fn hash_differs() -> Problem {
    Problem::new(
        "hash-differs",
        "The file's SHA-256 is not the given one. Nothing was approved.",
        &[
            "If the file was changed since you have read its review, read it again: run `host-test approve FILE`.",
        ],
    )
}

pub(super) fn page_origin_malformed(error: &PolicyError) -> Problem {
    Problem::new(
        "page-origin-malformed",
        format!("The page's origin cannot be used: {error}."),
        &[
            "Give it as https://pay.example.com: in lower case, without a path and without a slash at its end.",
        ],
    )
}

pub(super) fn component_not_approved(approvals: &[(String, String)]) -> Problem {
    let list: Vec<&str> = approvals.iter().map(|(_, what)| what.as_str()).collect();
    Problem::new(
        "component-not-approved",
        format!("This component asks {}. This has not been approved.", list.join(", ")),
        &[
            "Read what it asks for: run `host-test approve FILE` with the component's file.",
            "If you trust it, approve exactly these bytes: `host-test approve FILE --sha256 HASH`.",
        ],
    )
}

pub(super) fn ports_not_approved(ports: &[u16]) -> Problem {
    let flags: Vec<String> = ports.iter().map(|port| format!("--port {port}")).collect();
    let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
    let approve = format!(
        "If the provider's documentation names them: run `host-test approve FILE --sha256 HASH {}`. `install --approve-origins` cannot approve them.",
        flags.join(" ")
    );
    Problem::new(
        "ports-not-approved",
        format!(
            "The component uses other ports than 443: {}. Behind such a port may be another service than the provider's. Nothing was approved.",
            ports.join(", ")
        ),
        &[
            "Read where it uses them: run `host-test approve FILE` with the component's file.",
            &approve,
        ],
    )
}

pub(super) fn component_differs(installed: &Component, own_is_built_in: bool) -> Problem {
    let whose = if installed.is_built_in {
        "the built-in component".to_owned()
    } else {
        format!("the component with the SHA-256 {}", installed.sha256)
    };
    let use_it = if installed.is_built_in {
        "Either use its own component: leave out --component."
    } else {
        "Either use its own component: give that one's file with --component."
    };
    let approve = if own_is_built_in {
        "Or give the provider's installations to the built-in component, such as after an upgrade: run `host-test approve`, and read what it shows."
    } else {
        "Or give the provider's installations to this component: run `host-test approve FILE`, and read what it shows. `host-test install --approve-origins` gives it this workspace's only."
    };
    let uninstall = "Or, if its own component is lost: `host-test uninstall --force`, with the same --workspace, ends it without a call.";
    let mut remedy = vec![use_it, approve];
    if !installed.is_built_in {
        remedy.push(uninstall);
    }
    Problem::new(
        "component-differs",
        format!("This installation belongs to {whose}. No other one may use its keys."),
        &remedy,
    )
}

pub(super) fn page_missing() -> Problem {
    Problem::new(
        "page-missing",
        "The payment exists, and no page is known to which its customer may be sent.",
        &[
            "If the provider uses the merchant's own domain for it: the log names its origin. Run `host-test approve --page-origin https://DOMAIN` with the same --workspace and --component, and then the same command again.",
            "Or make sure that it is never paid: `host-test cancel REFERENCE`.",
        ],
    )
}

pub(super) fn reference_used(amount: &Money) -> Problem {
    Problem::new(
        "reference-used",
        format!(
            "This reference was already used for a payment of another amount: {}.",
            crate::money::display(amount)
        ),
        &["For a new payment, use a new reference. For the same payment, use the same amount."],
    )
}

pub(super) fn paid_late(payment: Option<&str>) -> Problem {
    let payment = payment.unwrap_or("ID");
    Problem::new(
        "paid-late",
        "The customer has paid an earlier page of this reference after it was canceled.",
        &[
            &format!(
                "To give the money back: run `host-test refund {payment} --reference NAME`. Then the reference can be used again."
            ),
            "To keep the money: deliver what was paid for, and use a new reference for a new payment.",
        ],
    )
}

pub(super) fn other_account(account: &str) -> Problem {
    Problem::new(
        "payment-of-other-account",
        format!(
            "This payment was created with another account ({account}), which the installed key cannot reach."
        ),
        &[
            "Use a new reference for a new payment. This one ends by itself, at the latest 30 days after the uninstall.",
            "To reach it: uninstall, and install a key of that account.",
        ],
    )
}

/// How many payments a message names.
const NAMED_PAYMENTS: usize = 10;

pub(super) fn payments_open(open: &[OpenPayment]) -> Problem {
    let mut message = format!("Customers can still pay {} payments: ", open.len());
    if open.len() == 1 {
        "A customer can still pay 1 payment: ".clone_into(&mut message);
    }
    let named = open.iter().take(NAMED_PAYMENTS);
    let named: Vec<&str> = named.map(|payment| payment.reference.as_str()).collect();
    message.push_str(&named.join(", "));
    message.push_str(if open.len() > NAMED_PAYMENTS { " and more." } else { "." });
    if let Some(first) = open.first() {
        message.push(' ');
        message.push_str(&first.because.message);
    }
    let mut problem = Problem::new(
        "payments-open",
        message,
        &[
            "Wait until they have ended, and uninstall again.",
            "To uninstall now: run `host-test uninstall --force`. What customers still pay is then recorded until these payments have ended, at the latest in 30 days.",
        ],
    );
    if let Some(first) = open.first() {
        let steps = first.because.remedy.iter();
        let new = steps.filter(|step| step.contains("host-test install")).cloned();
        problem.remedy.splice(0..0, new);
    }
    problem
}

pub(super) fn refund_reference_used(amount: &Money) -> Problem {
    Problem::new(
        "reference-used",
        format!(
            "This reference was already used for a refund of another amount: {}.",
            crate::money::display(amount)
        ),
        &["Use another reference for another refund."],
    )
}

pub(super) fn refund_too_large(left: &Money) -> Problem {
    if left.minor_units == 0 {
        return Problem::new(
            "payment-already-refunded",
            "This payment is completely refunded already.",
            &["You do not have to do anything."],
        );
    }
    Problem::new(
        "refund-too-large",
        format!("Only {} of this payment can still be refunded.", crate::money::display(left)),
        &["Refund at most this amount."],
    )
}

pub(super) fn payment_unknown(mode: Mode) -> Problem {
    let mode = mode.as_str();
    Problem::new(
        "payment-unknown",
        format!("There is no payment with this reference or id in {mode} mode."),
        &["Check the reference with which the payment was created."],
    )
}

pub(super) fn refund_undecided(references: &[String]) -> Problem {
    Problem::new(
        "refund-undecided",
        format!(
            "It is not known yet whether an earlier refund of this payment was made: {}.",
            references.join(", ")
        ),
        &[
            "Run `host-test refund` again with the reference of that refund.",
            "If it is not found within a day, what it has reserved can be refunded with another reference.",
        ],
    )
}

pub(super) fn ledger_restored() -> Problem {
    Problem::new(
        "ledger-restored",
        "A backup was restored. No payment is created until the events since then are listed.",
        &["Run `host-test reconcile`. If it fails, see `host-test attention`."],
    )
}

pub(super) fn attention_unknown(id: u64) -> Problem {
    Problem::new(
        "attention-unknown",
        format!("No open entry of this workspace has the number {id}."),
        &["Run `host-test attention`, which lists them."],
    )
}

pub(super) fn attention_not_acceptable(id: u64) -> Problem {
    Problem::new(
        "attention-not-acceptable",
        format!("Entry {id} is not about money that could be accepted."),
        &[&format!("When it is done: run `host-test attention resolve {id} --note TEXT`.")],
    )
}

pub(super) fn installation_foreign() -> Problem {
    Problem::new(
        "installation-foreign",
        "The plugin returned data of another installation. Nothing was stored.",
        &[
            "Do not use this component, and report this to its author.",
            "If an install does not end: run `host-test uninstall --force`.",
        ],
    )
}

pub(super) fn webhook_setup_differs() -> Problem {
    Problem::new(
        "webhook-setup-differs",
        "This installation's webhook is set up in another way (by hand or automatically).",
        &[
            "To keep it, leave out --webhook.",
            "To change it, uninstall and install again with --webhook.",
        ],
    )
}

pub(super) fn cursor_repeated() -> Problem {
    Problem::new(
        "plugin-cursor-repeated",
        "The plugin lists the same page of events again and again.",
        &["Report this to the plugin's author."],
    )
}

pub(super) fn listing_endless(pages: u32) -> Problem {
    Problem::new(
        "plugin-listing-endless",
        format!(
            "The plugin's list of events has no end: it was given up at the limit `pages-per-listing`, after {pages} pages. What was listed is recorded."
        ),
        &[
            "If the account has so many events, start `serve` with a higher --pages-per-listing.",
            "Otherwise report this to the plugin's author.",
        ],
    )
}

pub(super) fn position_unknown(position: u64) -> Problem {
    Problem::new(
        "position-unknown",
        format!("No transition has the position {position} yet. Nothing was acknowledged."),
        &["Acknowledge a position that `host-test transitions` has shown."],
    )
}

pub(super) fn payment_disputed() -> Problem {
    Problem::new(
        "payment-disputed",
        "The customer disputes this payment at their bank, so it cannot be refunded now: the bank may give the money back as well.",
        &["Answer the dispute: `host-test attention` says until when."],
    )
}

pub(super) fn refund_unknown() -> Problem {
    Problem::new(
        "refund-unknown",
        "The provider had an internal error with this refund. It may still be carried out.",
        &[
            "Check in the provider's dashboard whether the payment was refunded.",
            "If it was not within a day, refund it with another reference.",
        ],
    )
}
