//! Answers that are about something else than was asked, or that send the customer somewhere else.

use host_test::contract::types::ProviderError;
use host_test::marketplace::{DeliveryOutcome, Error};
use ledger::types::PaymentStatus;

use super::World;

/// The code of a create whose outcome is not known.
fn unknown(error: &Error) -> &str {
    match error {
        Error::Provider(ProviderError::UnknownOutcome(problem)) => &problem.code,
        error => panic!("{error}"),
    }
}

#[tokio::test]
async fn refused_answer_of_a_create_is_an_unknown_outcome() {
    for (script, code, said) in [
        ("amount=999", "answer-refused", "its amount is not what was asked for"),
        ("currency=eur", "answer-refused", "its amount is not"),
        ("reference=attack-other", "answer-refused", "its reference is not"),
        ("attempt=another", "answer-refused", "its attempt id is not"),
        ("payment-mode=live", "answer-refused", "its mode is not"),
        ("payment-id=a\\nb", "answer-refused", "its payment id has no usable form"),
        ("currency=us\\nd", "answer-refused", "its currency has no usable form"),
        ("link=javascript:alert(1)", "answer-refused", "its customer's link has no usable form"),
        ("link=http://pay.hostile.example/", "answer-refused", "its customer's link"),
        ("link=https://pay.hostile.example@evil.example/", "answer-refused", "customer's link"),
        ("link=https://evil.example/\\npay", "answer-refused", "customer's link"),
        (
            "link=https://evil.example/pay",
            "page-not-approved",
            "https://evil.example, which is not",
        ),
    ] {
        let (world, _) = World::installed(script).await;
        let error = world.pay("attack").await.unwrap_err();
        assert_eq!(unknown(&error), code, "{script}");
        let problem = error.problem();
        assert!(problem.message.contains(said), "{script}: {}", problem.message);
        assert!(super::is_visible(&problem.message));
        // Never "failed": the reference stays with its attempt, and nothing of the answer is stored.
        let stored = world.marketplace.payment_history("attack").await.unwrap().1.payment;
        assert_eq!((stored.status, stored.remote_id), (PaymentStatus::Pending, None), "{script}");
        assert_eq!(stored.checkout_url, None);
        assert_eq!(unknown(&world.pay("attack").await.unwrap_err()), code, "{script}");
        world.is_well(script).await;
    }
}

#[tokio::test]
async fn merchants_own_domain_can_be_approved() {
    let (world, _) = World::installed("link=https://pay.shop.example/1").await;
    let marketplace = &world.marketplace;
    assert_eq!(unknown(&world.pay("attack").await.unwrap_err()), "page-not-approved");
    for origin in
        ["https://pay.shop.example/", "http://pay.shop.example", "https://pаy.shop.example", ""]
    {
        let refused = marketplace.approve_page_origin(origin).await.unwrap_err();
        assert_eq!(refused.problem().code, "page-origin-malformed", "{origin}");
    }
    marketplace.approve_page_origin("https://pay.shop.example").await.unwrap();
    // The same reference, and the payment that was made.
    let paid = world.pay("attack").await.unwrap();
    assert_eq!(paid.stored.checkout_url.as_deref(), Some("https://pay.shop.example/1"));
    // For this installation only.
    let other = super::open(world.data.path(), "other", "link=https://pay.shop.example/1").await;
    other.install(super::options(true)).await.unwrap();
    let refused = other.pay(crate::host::request("attack", 1000)).await.unwrap_err();
    assert_eq!(unknown(&refused), "page-not-approved");
}

#[tokio::test]
async fn link_of_an_event_is_left_out_and_the_rest_counts() {
    let (world, connection) =
        World::installed("link=https://evil.example/pay\nword=paid-soon").await;
    let honest = world.pay("honest").await.unwrap().stored;
    let id = honest.remote_id.clone().unwrap();
    // The event's attempt is part of its payment's id.
    let outcome = world.deliver(&connection, &id).await;
    assert_eq!(outcome, DeliveryOutcome::Accepted);
    let error = world.pay("attack").await.unwrap_err();
    assert_eq!(unknown(&error), "page-not-approved");
    let attempt = world.marketplace.payment_history("attack").await.unwrap().1.payment.attempt.id;
    let outcome = world.deliver(&connection, &format!("attack.{attempt}")).await;
    assert_eq!(outcome, DeliveryOutcome::Accepted);
    let stored = world.marketplace.payment_history("attack").await.unwrap().1.payment;
    assert_eq!(stored.provider_status, "paid-soon");
    assert_eq!(stored.checkout_url, None);
}

#[tokio::test]
async fn payment_without_an_approved_page_can_be_canceled() {
    let script = "find=attack\nlink=https://evil.example/pay";
    for (reference, code) in [("attack", "page-missing"), ("another-attack", "answer-refused")] {
        let (world, _) = World::installed(script).await;
        assert_eq!(unknown(&world.pay(reference).await.unwrap_err()), "page-not-approved");
        // The payment of the attempt is found, unless it is another one. It is never given to a customer.
        for _ in 0..2 {
            assert_eq!(world.pay(reference).await.unwrap_err().problem().code, code);
        }
        if code == "page-missing" {
            // The plugin is asked to cancel it: the ledger knows its id.
            let canceled = world.marketplace.cancel(reference).await.unwrap().stored;
            assert!(canceled.remote_id.is_some() && canceled.checkout_url.is_none());
        }
        world.is_well(code).await;
    }
}

#[tokio::test]
async fn refund_is_the_one_that_was_asked_for() {
    for (script, said) in [
        ("refund-payment=paid-other.1", "payment id"),
        ("refund-currency=eur", "currency"),
        ("refund-reference=another", "reference"),
    ] {
        let (world, _) = World::installed(script).await;
        world.pay("paid").await.unwrap();
        world.marketplace.payment("paid").await.unwrap();
        let error = world.marketplace.refund("paid", "r", Some(10)).await.unwrap_err();
        assert_eq!(unknown(&error), "answer-refused", "{script}");
        assert!(error.problem().message.contains(said), "{script}: {error}");
        // Nobody knows whether it was made: a person has to look.
        assert_eq!(world.attention().await, ["refund-unknown"], "{script}");
        world.is_well(script).await;
    }
}

#[tokio::test]
async fn call_that_was_ended_is_an_unknown_outcome() {
    let said = "What it did at the provider is not known.";
    for (script, code) in
        [("refund-ends=it traps", "plugin-crashed"), ("refund-ends=spin", "plugin-timeout")]
    {
        let (world, _) = World::installed(script).await;
        world.pay("paid").await.unwrap();
        world.marketplace.payment("paid").await.unwrap();
        for _ in 0..2 {
            let error = world.marketplace.refund("paid", "r", Some(10)).await.unwrap_err();
            assert_eq!(unknown(&error), code, "{script}");
            let problem = error.problem();
            assert!(problem.message.ends_with(said), "{script}: {}", problem.message);
            assert!(problem.remedy.concat().contains("a refund, use the same reference"));
            // The money stays reserved, and a person has to look.
            let other = world.marketplace.refund("paid", "r", Some(11)).await.unwrap_err();
            assert_eq!(other.problem().code, "reference-used", "{script}");
            assert_eq!(world.attention().await, ["refund-unknown"], "{script}");
        }
        world.is_well(script).await;
    }
    let (world, _) = World::installed("create-traps=yes").await;
    for _ in 0..2 {
        let error = world.pay("attack").await.unwrap_err();
        assert_eq!(unknown(&error), "plugin-crashed");
        assert!(error.problem().message.ends_with(said), "{error}");
        let stored = world.marketplace.payment_history("attack").await.unwrap().1.payment;
        assert_eq!((stored.status, stored.remote_id), (PaymentStatus::Pending, None));
    }
    world.is_well("create-traps").await;
}

#[tokio::test]
async fn event_that_nothing_can_use_hides_no_other() {
    for id in ["a\\nb", "a;b", "é"] {
        let (world, _) = World::installed(&format!("event-id={id}")).await;
        world.pay("honest").await.unwrap();
        let reconciled = world.marketplace.reconcile(|_| ()).await.unwrap();
        assert_eq!((reconciled.listed, reconciled.failed), (1, 0), "{id}: {reconciled:?}");
    }
}

#[tokio::test]
async fn repair_changes_neither_mode_nor_account_nor_id() {
    for script in [
        "repair-mode=live",
        "repair-account=acct-of-somebody-else",
        "repair-id=00000000000000000000000000000000",
        "repair-workspace=another",
    ] {
        let (world, before) = World::installed("").await;
        let hostile = super::open(world.data.path(), "default", script).await;
        hostile.approve(host_test::marketplace::TakeOver::All, &[]).await.unwrap();
        let refused = hostile.repair().await.unwrap_err();
        assert_eq!(refused.problem().code, "installation-foreign", "{script}");
        let (after, _) = hostile.status().await.unwrap();
        assert_eq!((after.mode, after.account), (before.mode, before.account), "{script}");
        assert_eq!(after.installation, before.installation);
    }
}

#[tokio::test]
async fn door_tells_nothing_of_a_plugin() {
    // Refused, and not to be repeated: it would be the same.
    let (world, connection) = World::installed("payment-id=a\\nb").await;
    let outcome = world.deliver(&connection, "attack.1").await;
    assert!(matches!(outcome, DeliveryOutcome::Refused(_)), "{outcome:?}");
    let traps = "traps=it traps with {secret}";
    for (script, code) in [
        ("refused=no such table: \\e[2J{x}\ncode=signature-mismatch", "signature-mismatch"),
        ("refused=x\ncode=made\\nup", "code-unreadable"),
        (traps, "plugin-crashed"),
    ] {
        let (world, connection) = World::installed(script).await;
        let outcome = world.deliver(&connection, "attack").await;
        let reason = outcome.reason().unwrap();
        assert_eq!(reason.code, code, "{script}");
        assert!(super::is_visible(&reason.message), "{script}: {}", reason.message);
        // No name of a function of the guest: a backtrace would hold one.
        for trace in ["handle", "wasm backtrace", "hostile", super::SECRET] {
            assert!(!reason.message.contains(trace), "{script}: {}", reason.message);
        }
        world.is_well(script).await;
    }
}
