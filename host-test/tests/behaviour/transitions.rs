//! The transitions that flows read.

use host_test::contract::types::Mode;
use ledger::Transition;

use super::host::{Host, LIVE_KEY, PAYS, TEST_KEY, output};

async fn paid() -> Host {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let page = host.ask("order-1").await;
    host.pay(&page, PAYS).await;
    host
}

/// The outputs of a mode.
async fn outputs(host: &Host, mode: Option<Mode>) -> Vec<String> {
    let transitions = host.marketplace.transitions(mode, 0, 1000).await.unwrap();
    transitions.iter().filter_map(|told| told.output().map(str::to_owned)).collect()
}

#[tokio::test]
async fn live_flow_reads_no_test_approval() {
    let host = paid().await;
    host.marketplace.uninstall(false).await.unwrap();
    // Nothing is installed: the mode that was installed last counts.
    assert_eq!(outputs(&host, None).await, ["Pending", "Approved"]);
    host.install(LIVE_KEY).await.unwrap();
    assert!(outputs(&host, None).await.is_empty());
    host.ask("order-1").await;
    assert_eq!(outputs(&host, None).await, ["Pending"]);
    assert_eq!(outputs(&host, Some(Mode::Test)).await, ["Pending", "Approved"]);
    let unread = |mode| host.marketplace.unread_transitions(mode, "flow", 1000);
    let (live, test) = (unread(None).await.unwrap(), unread(Some(Mode::Test)).await.unwrap());
    host.marketplace.acknowledge(None, "flow", live.last().unwrap().position).await.unwrap();
    assert!(unread(None).await.unwrap().is_empty());
    assert_eq!(unread(Some(Mode::Test)).await.unwrap().len(), test.len());
}

#[tokio::test]
async fn transition_names_its_attempt_and_payment() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    host.ask("order-1").await;
    host.marketplace.cancel("order-1").await.unwrap();
    let page = host.ask("order-1").await;
    host.pay(&page, PAYS).await;
    let transitions = host.marketplace.transitions(None, 0, 1000).await.unwrap();
    let [first, rejected, again, approved] = transitions.as_slice() else {
        panic!("{transitions:?}")
    };
    assert_eq!(rejected.told, output("Rejected", true));
    assert_eq!(approved.told, output("Approved", true));
    assert_eq!(first.attempt, rejected.attempt);
    assert_eq!(again.attempt, approved.attempt);
    assert_ne!(first.attempt, again.attempt);
    let named = |transition: &Transition, prefix| {
        transition.payment.as_deref().is_some_and(|id| id.starts_with(prefix))
            && transition.workspace == host.marketplace.workspace()
            && transition.provider == "STRIPE"
    };
    assert!(named(rejected, "cs_") && named(approved, "pi_"), "{transitions:?}");
}

#[tokio::test]
async fn position_that_was_never_shown_is_not_acknowledged() {
    let host = paid().await;
    let acknowledge = |position| host.marketplace.acknowledge(None, "flow", position);
    for position in [3, 100_000] {
        let refused = acknowledge(position).await.unwrap_err().problem();
        assert_eq!(refused.code, "position-unknown");
    }
    let unread = host.marketplace.unread_transitions(None, "flow", 1000).await.unwrap();
    assert_eq!(unread.len(), 2);
}

#[tokio::test]
async fn transitions_are_limited() {
    let host = paid().await;
    let page = async |after, limit| {
        let page = host.marketplace.transitions(None, after, limit).await.unwrap();
        page.into_iter().map(|transition| transition.position).collect::<Vec<_>>()
    };
    assert_eq!(page(0, 1).await, [1]);
    assert_eq!(page(1, 1).await, [2]);
    assert!(page(2, 1).await.is_empty());
}

#[tokio::test]
async fn consumer_reads_on_after_its_acknowledgement() {
    let host = paid().await;
    let unread = async |consumer: &str| {
        let unread = host.marketplace.unread_transitions(None, consumer, 1000).await.unwrap();
        unread
            .into_iter()
            .map(|transition| (transition.position, transition.told))
            .collect::<Vec<_>>()
    };
    let all = unread("a").await;
    assert_eq!(all, [(1, output("Pending", false)), (2, output("Approved", true))]);
    // What was read and not acknowledged comes again: a consumer may have crashed.
    assert_eq!(unread("a").await, all);
    host.marketplace.acknowledge(None, "a", 1).await.unwrap();
    assert_eq!(unread("a").await, all[1..]);
    host.marketplace.acknowledge(None, "a", 2).await.unwrap();
    host.marketplace.acknowledge(None, "a", 1).await.unwrap();
    assert!(unread("a").await.is_empty());
    assert_eq!(unread("b").await, all);
}
