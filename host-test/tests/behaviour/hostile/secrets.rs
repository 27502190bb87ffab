//! Plugins that give away a secret of their installation.

use host_test::marketplace::{DeliveryOutcome, Error};

use super::{SECRET, World};

/// The forms that the guest can make.
const FORMS: [&str; 5] = ["{secret}", "{hex}", "x {base64}", "({reversed})", "{hidden}"];

fn assert_refused(error: &Error, place: &str) {
    let problem = error.problem();
    assert_eq!(problem.code, "answer-holds-secret", "{place}");
    assert!(!problem.message.contains(SECRET) && !problem.remedy.is_empty());
}

#[tokio::test]
async fn answer_that_holds_a_secret_is_refused() {
    // Every kind of field, each with another form.
    let places = ["failure", "extra", "word", "payment-id", "link", "create-refused"];
    for (number, place) in places.iter().enumerate() {
        let form = FORMS[number % FORMS.len()];
        let (world, _) = World::installed(&format!("{place}={form}")).await;
        assert_refused(&world.pay("attack").await.unwrap_err(), place);
        assert_eq!(world.attention().await, ["answer-holds-secret"], "{place}");
        world.is_well(place).await;
    }
}

#[tokio::test]
async fn secret_does_not_leave_by_the_door() {
    for form in FORMS {
        for script in [format!("refused=why: {form}"), format!("refused=x\ncode={form}")] {
            let (world, connection) = World::installed(&script).await;
            let outcome = world.deliver(&connection, "attack").await;
            let DeliveryOutcome::RetryLater(reason) = outcome else { panic!("{script}") };
            assert_eq!(reason.code, "answer-holds-secret", "{script}");
            world.is_well(&script).await;
            // Shown by `status`, until a person has closed it; and again when it happens again.
            let (_, report) = world.marketplace.status().await.unwrap();
            let check = report.checks.iter().find(|check| check.id == "payments-attention");
            assert!(check.unwrap().message.contains("holds a secret"), "{script}");
            let item = world.marketplace.attention().await.unwrap().remove(0);
            world.marketplace.resolve_attention(item.id, "read").await.unwrap();
            assert!(world.attention().await.is_empty());
            world.deliver(&connection, "attack").await;
            assert_eq!(world.attention().await, ["answer-holds-secret"], "{script}");
        }
    }
}

#[tokio::test]
async fn secret_is_not_given_away_by_status_or_repair() {
    for (script, is_repair) in
        [("check={hex}", false), ("step={base64}", false), ("change={reversed}", true)]
    {
        let (world, _) = World::installed("").await;
        let hostile = super::open(world.data.path(), "default", script).await;
        hostile.approve(host_test::marketplace::TakeOver::Workspace, &[]).await.unwrap();
        if is_repair {
            assert_refused(&hostile.repair().await.unwrap_err(), script);
        } else {
            // The report stands with a check that says so.
            let (_, report) = hostile.status().await.unwrap();
            assert!(report.checks[0].message.contains("holds a secret"), "{script}");
        }
        assert_eq!(world.attention().await, ["answer-holds-secret"], "{script}");
    }
    // Not at install either: its answer has to hold the secret in one place, and in no other.
    let world = World::start("install-account={reversed}").await;
    let refused = world.marketplace.install(super::options(true)).await.unwrap_err();
    assert_refused(&refused, "install");
    // Another component can be installed all the same, and the next install does not hang on this one.
    let other = super::open(world.data.path(), "default", "").await;
    other.install(super::options(true)).await.unwrap();
}
