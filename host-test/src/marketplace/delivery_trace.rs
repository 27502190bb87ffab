//! What is known of a delivery when it is answered: for the log, the counters and the sender's standing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{DeliveryOutcome, Error, Marketplace};
use crate::delivery_causes::Outcome;
use crate::egress::Quota;
use crate::plugin::CallError;
use crate::sender::Sender;
use crate::telemetry::SecurityEvent;

/// What is known of a delivery.
pub(super) struct Trace {
    pub sender: Sender,
    pub installation: Option<String>,
    /// The provider's id of the event, if the delivery is verified.
    pub event: Option<String>,
    /// How long the plugin took.
    pub plugin: Duration,
    pub is_verified: bool,
    /// Whether the provider was asked about the payment that it names: it is a hint.
    pub was_followed: bool,
    /// Its requests.
    pub quota: Option<Arc<Quota>>,
    /// Whether somebody wants to know what the plugin says.
    pub wants_said: bool,
    /// What the plugin has said. None: it was not asked, or nobody wants to know.
    pub said: Option<Outcome>,
}

impl Trace {
    /// Nothing is known but the sender.
    pub fn of(sender: Sender) -> Self {
        Self {
            sender,
            installation: None,
            event: None,
            plugin: Duration::ZERO,
            is_verified: false,
            was_followed: false,
            quota: None,
            wants_said: false,
            said: None,
        }
    }

    /// Writes the delivery's line to the log.
    fn log(&self, outcome: &DeliveryOutcome, code: Option<&str>, time: Duration) {
        tracing::info!(
            installation = self.installation.as_deref(),
            event = self.event.as_deref().map(crate::foreign::logged).as_deref(),
            outcome = outcome.as_str(),
            code,
            plugin_microseconds = microseconds(self.plugin),
            microseconds = microseconds(time),
            "delivery",
        );
    }
}

fn microseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

impl Marketplace {
    /// Ends a delivery: it is counted, its sender's standing changes, and the log has a line of it. Of those that
    /// anyone can send at will, the log has a line only now and then.
    pub(super) fn conclude(
        &self,
        delivered: Result<DeliveryOutcome, Error>,
        trace: &Trace,
        time: Duration,
    ) -> DeliveryOutcome {
        // What a body does to the plugin is its sender's doing. Other failures are the host's.
        let is_hosts_failure = delivered.as_ref().is_err_and(|error| match error {
            Error::Plugin(CallError::NoPlace(_) | CallError::HostLimitReached(_)) => true,
            error => !matches!(error, Error::Plugin(_)),
        });
        let outcome =
            delivered.unwrap_or_else(|error| DeliveryOutcome::RetryLater(error.problem()));
        self.telemetry.delivered(outcome.as_str(), time);
        let has_led_to_payment = trace.was_followed && outcome == DeliveryOutcome::Accepted;
        if trace.is_verified || !(has_led_to_payment || is_hosts_failure) {
            self.standings.count(trace.sender, trace.is_verified, Instant::now());
        }
        let whose = trace.installation.as_deref().unwrap_or_default();
        let code = outcome.reason().map(|reason| crate::foreign::logged(&reason.code));
        let code = code.as_deref();
        let is_retried = matches!(outcome, DeliveryOutcome::RetryLater(_));
        if let Some(limit) = trace.quota.as_ref().and_then(|quota| quota.reached()) {
            self.telemetry.reached(limit);
            let what = format_args!("no request is left for a delivery ({})", limit.as_str());
            self.telemetry.security(SecurityEvent::Quota, whose, what);
        } else if trace.is_verified || trace.was_followed {
            trace.log(&outcome, code, time);
        } else if is_retried {
            let what = format_args!("a delivery failed: {}", code.unwrap_or_default());
            self.telemetry.security(SecurityEvent::DeliveryFailed, whose, what);
        } else if trace.installation.is_some() {
            let code = code.unwrap_or_default();
            let what =
                format_args!("a delivery that is not verified was {}: {code}", outcome.as_str());
            self.telemetry.security(SecurityEvent::SignatureRefused, whose, what);
        }
        outcome
    }
}
