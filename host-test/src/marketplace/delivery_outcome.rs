//! The answer to a delivery.

use crate::contract::types::Problem;
use ledger::EventOutcome;

/// The answer to a delivery.
#[derive(Clone, Debug, PartialEq)]
pub enum DeliveryOutcome {
    /// Processed and stored.
    Accepted,
    /// An event with the same id was processed before.
    Duplicate,
    /// There is nothing to do.
    Ignored(Problem),
    /// The delivery is not genuine, or cannot be read.
    Refused(Problem),
    /// The delivery was not processed: the sender should repeat it.
    RetryLater(Problem),
}

impl DeliveryOutcome {
    pub(super) fn ignored(code: &str, message: &str) -> Self {
        Self::Ignored(Problem::new(code, message, &[]))
    }

    /// A merchant's account may have payments that were not created here.
    pub(super) fn foreign() -> Self {
        Self::ignored("payment-foreign", "The payment was not created here.")
    }

    /// Its word in the answer and in the log.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Duplicate => "duplicate",
            Self::Ignored(_) => "ignored",
            Self::Refused(_) => "refused",
            Self::RetryLater(_) => "try-again",
        }
    }

    /// Why the delivery was not simply accepted.
    #[must_use]
    pub fn reason(&self) -> Option<&Problem> {
        match self {
            Self::Accepted | Self::Duplicate => None,
            Self::Ignored(reason) | Self::Refused(reason) | Self::RetryLater(reason) => {
                Some(reason)
            }
        }
    }
}

impl From<EventOutcome> for DeliveryOutcome {
    fn from(outcome: EventOutcome) -> Self {
        match outcome {
            EventOutcome::Recorded { .. } | EventOutcome::Early => Self::Accepted,
            EventOutcome::Duplicate => Self::Duplicate,
            EventOutcome::Foreign => Self::foreign(),
            EventOutcome::NeedsRefetch { .. } => Self::RetryLater(Problem::new(
                "payment-changing",
                "The payment changed while the delivery was processed.",
                &[],
            )),
        }
    }
}
