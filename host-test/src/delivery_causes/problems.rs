//! The causes, for a person.

use super::body::Before;
use super::secret::Around;
use crate::contract::types::{Mode, Problem};

pub fn header_changed() -> Problem {
    Problem::new(
        "header-altered",
        "The signature header has white space, quotes or its own name in its value.",
        &["Give the value alone, as it was received."],
    )
}

pub fn body_changed(before: &Before) -> Problem {
    Problem::new(
        before.code,
        before.message,
        &[
            "Verify the bytes of the body as they were received, before anything parses or decodes them.",
            "If a proxy or a framework changes it: read the raw body, and let nothing rewrite it on the way.",
        ],
    )
}

pub fn secret_changed(position: usize, around: Around, secret: &str) -> Problem {
    let (code, what) = match around {
        Around::Quotes => ("secret-quoted", "quotes around it, which do not belong to it"),
        Around::WhiteSpace if secret.contains(['\n', '\r']) => {
            ("secret-white-space", "a line break around it, which does not belong to it")
        }
        Around::WhiteSpace => {
            ("secret-white-space", "white space around it, which does not belong to it")
        }
    };
    let message =
        format!("Signing secret {position} has {what}. Without it, it verifies the delivery.");
    Problem::new(code, message, &["Store it without that. A file often ends with a line break."])
}

pub fn blank_secret(secrets: &[String]) -> Problem {
    let position =
        secrets.iter().position(|secret| secret.trim().is_empty()).unwrap_or_default() + 1;
    Problem::new(
        "secret-blank",
        format!("Signing secret {position} is blank. Another one verifies the delivery."),
        &["Leave the blank one out: a comma too many makes one."],
    )
}

/// `at`: a time at which the delivery verifies. `is_signed`: its signature names that time.
pub fn wrong_time(at: u64, received_at: u64, is_signed: bool) -> Problem {
    let seconds = at.abs_diff(received_at);
    let what = if is_signed { "was signed" } else { "verifies now, which is" };
    let (code, when, clock) = if at < received_at {
        ("timestamp-too-old", "before", "check the clock of the computer that receives it")
    } else {
        ("timestamp-in-future", "after", "the clock of the computer that receives it is behind")
    };
    Problem::new(
        code,
        format!(
            "The delivery is genuine, and {what} {seconds} seconds {when} the time at which it was received."
        ),
        &[
            &format!(
                "If it was recorded: give the time at which it came, such as --received-at {at}."
            ),
            &format!("If it came just now: {clock}."),
        ],
    )
}

pub fn other_mode(of_delivery: Mode, of_secret: Mode) -> Problem {
    let (of_delivery, of_secret) = (of_delivery.as_str(), of_secret.as_str());
    Problem::new(
        "other-mode",
        format!(
            "The delivery is of {of_delivery} mode, and the signing secrets were given for {of_secret} mode. Each mode has its own."
        ),
        &[&format!("Give the signing secret of {of_delivery} mode, and --mode {of_delivery}.")],
    )
}

/// The plugin would ask its provider, which it cannot.
pub fn not_asked(problem: &Problem) -> Problem {
    Problem::new(
        "provider-not-asked",
        format!(
            "The plugin asks its provider about this delivery, and could not: {}",
            problem.message
        ),
        &[
            "Give what stands in for the provider: --provider-origin https://PROVIDER=http://127.0.0.1:PORT.",
        ],
    )
}
