//! What the host counts and measures, and the security events in its log.

mod exposition;
mod security;

use std::borrow::Cow;
use std::fmt;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use tracing_appender::non_blocking::ErrorCounter;

use crate::limit::Limit;
pub use exposition::joined;
use security::Lines;
pub use security::SecurityEvent;

/// The type of the text of [`Telemetry::text`], for the header `content-type`.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The lines of the log of this process that found no room.
static DROPPED_LINES: OnceLock<ErrorCounter> = OnceLock::new();

/// Counts the lines of the log that find no room.
pub fn count_dropped_lines(counter: ErrorCounter) {
    // There is one log.
    let _ = DROPPED_LINES.set(counter);
}

/// One label, of which the values are few and known.
type Label = [(&'static str, &'static str); 1];
type Histograms = Family<Label, Histogram, fn() -> Histogram>;

/// What a host counts and measures: of one plugin, or of what all its plugins share.
pub struct Telemetry {
    registry: Registry,
    deliveries: Family<Label, Counter>,
    delivery_seconds: Histogram,
    call_seconds: Histograms,
    ledger_seconds: Histogram,
    request_seconds: Histograms,
    security: Family<Label, Counter>,
    limits: Family<Label, Counter>,
    in_use: Family<Label, Gauge>,
    most: Family<Label, Gauge>,
    lag: Family<Label, Gauge>,
    attention: Gauge,
    dropped_lines: Gauge,
    lines: Mutex<Lines>,
}

/// From a tenth of a millisecond to about 26 seconds, each twice the one before.
fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.0001, 2.0, 19))
}

impl Telemetry {
    /// Of one plugin. Everything is zero. Each line of the text names the provider.
    #[must_use]
    pub fn new(provider: &str) -> Self {
        let mut new = Self::labelled(Some(("provider".into(), provider.to_owned().into())));
        new.register_of_plugin();
        new
    }

    /// Of what all plugins share: connections, places, memory and requests.
    #[must_use]
    pub fn of_host() -> Self {
        let mut new = Self::labelled(None);
        new.register_of_host();
        new
    }

    fn labelled(label: Option<(Cow<'static, str>, Cow<'static, str>)>) -> Self {
        let histograms = || Family::new_with_constructor(seconds as fn() -> Histogram);
        let mut new = Self {
            registry: Registry::with_prefix_and_labels("host_test", label.into_iter()),
            deliveries: Family::default(),
            delivery_seconds: seconds(),
            call_seconds: histograms(),
            ledger_seconds: seconds(),
            request_seconds: histograms(),
            security: Family::default(),
            limits: Family::default(),
            in_use: Family::default(),
            most: Family::default(),
            lag: Family::default(),
            attention: Gauge::default(),
            dropped_lines: Gauge::default(),
            lines: Mutex::default(),
        };
        new.register_shared();
        new
    }

    fn register_shared(&mut self) {
        let registry = &mut self.registry;
        registry.register("security_events", "Security events", self.security.clone());
        registry.register("limits_reached", "How often a limit was reached", self.limits.clone());
        registry.register("in_use", "What is in use of a limit", self.in_use.clone());
        registry.register("limit", "What a limit allows", self.most.clone());
    }

    fn register_of_plugin(&mut self) {
        let registry = &mut self.registry;
        registry.register("deliveries", "Deliveries that were answered", self.deliveries.clone());
        for (name, help, metric) in [
            ("delivery", "From a read delivery to its answer", &self.delivery_seconds),
            ("ledger", "Work on the ledger, with the wait for it", &self.ledger_seconds),
        ] {
            registry.register_with_unit(name, help, Unit::Seconds, metric.clone());
        }
        for (name, help, metric) in [
            ("call", "Calls of the plugin, with the wait for a place", &self.call_seconds),
            ("request", "Requests to the provider", &self.request_seconds),
        ] {
            registry.register_with_unit(name, help, Unit::Seconds, metric.clone());
        }
        registry.register_with_unit(
            "reconciliation_lag",
            "How far reconciliation is behind",
            Unit::Seconds,
            self.lag.clone(),
        );
        registry.register(
            "attention",
            "Open entries of the attention list",
            self.attention.clone(),
        );
    }

    fn register_of_host(&mut self) {
        self.registry.register(
            "log_lines_dropped",
            "Lines of the log that nobody has read in time",
            self.dropped_lines.clone(),
        );
    }

    /// Counts a delivery. `outcome` is the word of its answer.
    pub fn delivered(&self, outcome: &'static str, time: Duration) {
        self.deliveries.get_or_create(&[("outcome", outcome)]).inc();
        self.delivery_seconds.observe(time.as_secs_f64());
    }

    /// Measures a call of a function of the contract.
    pub fn called(&self, function: &'static str, time: Duration) {
        self.call_seconds.get_or_create(&[("function", function)]).observe(time.as_secs_f64());
    }

    /// Measures work on the ledger.
    pub fn used_ledger(&self, time: Duration) {
        self.ledger_seconds.observe(time.as_secs_f64());
    }

    /// Measures a request to the provider. `outcome` is the class of the status, or the kind of the failure.
    pub fn requested(&self, outcome: &'static str, time: Duration) {
        self.request_seconds.get_or_create(&[("outcome", outcome)]).observe(time.as_secs_f64());
    }

    /// Counts that a limit was reached.
    pub fn reached(&self, limit: Limit) {
        self.limits.get_or_create(&[("name", limit.as_str())]).inc();
    }

    /// What is in use of a limit now, and what it allows.
    pub fn set_in_use(&self, limit: Limit, in_use: usize, most: usize) {
        let label = [("name", limit.as_str())];
        let value = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        self.in_use.get_or_create(&label).set(value(in_use));
        self.most.get_or_create(&label).set(value(most));
    }

    /// How far reconciliation is behind, in seconds, and how much needs a person.
    pub fn set_readiness(&self, listing_lag: u64, asking_lag: u64, attention: u64) {
        let value = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.lag.get_or_create(&[("work", "listing")]).set(value(listing_lag));
        self.lag.get_or_create(&[("work", "asking")]).set(value(asking_lag));
        self.attention.set(value(attention));
    }

    /// All of it as text that Prometheus reads.
    #[must_use]
    pub fn text(&self) -> String {
        let dropped = DROPPED_LINES.get().map_or(0, ErrorCounter::dropped_lines);
        self.dropped_lines.set(i64::try_from(dropped).unwrap_or(i64::MAX));
        let mut text = String::new();
        // Writing into memory cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Telemetry")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_every_number() {
        let telemetry = Telemetry::new("ANDES");
        telemetry.delivered("accepted", Duration::from_millis(3));
        telemetry.called("handle-webhook", Duration::from_micros(150));
        telemetry.used_ledger(Duration::from_millis(1));
        telemetry.requested("2xx", Duration::from_millis(40));
        telemetry.security(SecurityEvent::Denied, "i-1", "a private address");
        telemetry.limit(Limit::Queue, "i-1");
        telemetry.set_in_use(Limit::Places, 3, 64);
        telemetry.set_readiness(7, 8, 9);
        let text = telemetry.text();
        for line in [
            r#"host_test_deliveries_total{provider="ANDES",outcome="accepted"} 1"#,
            r#"host_test_delivery_seconds_count{provider="ANDES"} 1"#,
            r#"host_test_call_seconds_count{provider="ANDES",function="handle-webhook"} 1"#,
            r#"host_test_ledger_seconds_count{provider="ANDES"} 1"#,
            r#"host_test_request_seconds_count{provider="ANDES",outcome="2xx"} 1"#,
            r#"host_test_security_events_total{provider="ANDES",event="denied"} 1"#,
            r#"host_test_limits_reached_total{provider="ANDES",name="queue"} 1"#,
            r#"host_test_in_use{provider="ANDES",name="places"} 3"#,
            r#"host_test_limit{provider="ANDES",name="places"} 64"#,
            r#"host_test_reconciliation_lag_seconds{provider="ANDES",work="listing"} 7"#,
            r#"host_test_attention{provider="ANDES"} 9"#,
        ] {
            assert!(text.lines().any(|own| own == line), "{line}\n{text}");
        }
    }
}
