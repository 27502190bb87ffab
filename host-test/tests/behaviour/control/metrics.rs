//! `/metrics`: text that a collector can read.

use std::collections::BTreeMap;

use reqwest::Method;

use super::Control;
use crate::host::{Host, PAYS, TEST_KEY};

/// A line such as `name{label="x"} 1`, or `name 1`.
#[derive(Debug)]
struct Sample {
    name: String,
    labels: String,
    value: f64,
}

fn sample(line: &str) -> Sample {
    let (series, value) = line.rsplit_once(' ').unwrap();
    // What all plugins share has no label of a provider, and may have none.
    let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
    let labels = labels.strip_suffix('}').unwrap();
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    assert!(name.chars().all(is_name), "{line}");
    for label in labels
        .split("\",")
        .filter(|label| !label.is_empty())
        .map(|label| label.trim_end_matches('"'))
    {
        let (label, text) = label.split_once("=\"").unwrap();
        assert!(label.chars().all(is_name) && !text.contains(['"', '\n']), "{line}");
    }
    Sample { name: name.to_owned(), labels: labels.to_owned(), value: value.parse().unwrap() }
}

/// Reads the whole text: comments, samples, and the end.
fn samples(text: &str) -> Vec<Sample> {
    let lines: Vec<&str> = text.lines().collect();
    let (end, lines) = lines.split_last().unwrap();
    assert_eq!(*end, "# EOF");
    let comment = |line: &&&str| {
        ["# HELP host_test_", "# TYPE host_test_", "# UNIT host_test_"]
            .iter()
            .any(|beginning| line.starts_with(beginning))
    };
    lines.iter().filter(|line| !comment(line)).map(|line| sample(line)).collect()
}

/// The buckets of each histogram, by its name and its other labels.
fn histograms(samples: &[Sample]) -> BTreeMap<(String, String), Vec<(f64, f64)>> {
    let mut histograms: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for sample in samples.iter().filter(|sample| sample.name.ends_with("_bucket")) {
        let name = sample.name.trim_end_matches("_bucket").to_owned();
        let (before, bound) = sample.labels.split_once("le=\"").unwrap();
        let (bound, after) = bound.split_once('"').unwrap();
        let bound = bound.parse().unwrap_or(f64::INFINITY);
        let others = format!("{}{}", before.trim_end_matches(','), after);
        histograms.entry((name, others)).or_default().push((bound, sample.value));
    }
    histograms
}

#[tokio::test]
async fn metrics_are_read_by_a_collector() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let page = host.ask("order-1").await;
    host.pay(&page, "short").await;
    let page = host.ask("order-2").await;
    host.pay(&page, PAYS).await;
    let control = Control::start(&host).await;
    let response = control.request(Method::GET, "/metrics").send().await.unwrap();
    assert_eq!(response.headers()["content-type"], host_test::telemetry::CONTENT_TYPE);
    let text = response.text().await.unwrap();
    let samples = samples(&text);
    let value = |name: &str, label: &str| {
        let of_name = samples.iter().find(|s| s.name == name && s.labels.contains(label));
        of_name.unwrap_or_else(|| panic!("{name} {label}: {text}")).value
    };
    assert!(value("host_test_deliveries_total", r#"outcome="accepted""#) >= 2.0);
    assert!(value("host_test_attention", r#"provider="STRIPE""#) >= 1.0);
    assert!(value("host_test_reconciliation_lag_seconds", r#"work="listing""#) < 60.0);
    assert!(value("host_test_reconciliation_lag_seconds", r#"work="asking""#) < 60.0);
    let histograms = histograms(&samples);
    assert!(histograms.len() >= 2, "{histograms:?}");
    for ((name, labels), buckets) in &histograms {
        let is_cumulative =
            buckets.windows(2).all(|two| two[0].0 < two[1].0 && two[0].1 <= two[1].1);
        assert!(is_cumulative && buckets.len() > 2, "{name}: {buckets:?}");
        let (bound, all) = *buckets.last().unwrap();
        let count =
            samples.iter().find(|s| s.name == format!("{name}_count") && s.labels == *labels);
        let count = count.unwrap_or_else(|| panic!("{name} {labels}: {text}"));
        assert!(bound.is_infinite() && (count.value - all).abs() < 0.5, "{name}");
    }
    assert!(!text.contains(TEST_KEY) && !text.contains(&control.token));
}

#[tokio::test]
async fn metrics_are_told_without_a_ledger() {
    let host = Host::start().await;
    let control = Control::start(&host).await;
    let damage = rusqlite::Connection::open(host.data.path().join("ledger.sqlite")).unwrap();
    damage.execute_batch("ALTER TABLE attention RENAME TO gone").unwrap();
    let response = control.request(Method::GET, "/metrics").send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(samples(&response.text().await.unwrap()).len() > 2);
}
