//! The clock, which is the whole process's: this is a test of its own.

// A test that panics has failed, which is what it is for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod shop;

use fake_stripe::set_clock;
use shop::{Shop, body_of};

#[tokio::test]
async fn time_is_that_of_the_clock_that_was_set() {
    const START: u64 = 1_800_000_000;
    let shop = Shop::open().await;
    set_clock(Some(START));
    let soon = (START + 1800).to_string();
    let page = shop.page("usd", &[("expires_at", &soon)]).await;
    assert_eq!(page["created"], START);
    shop.pay(&page, "4000 0000 0000 0002").await;
    let later = shop.page("usd", &[]).await;

    set_clock(Some(START + 1799));
    shop.fake.expire_overdue(false);
    assert_eq!(shop.events().await.len(), 2);

    set_clock(Some(START + 1800));
    shop.fake.expire_overdue(false);
    shop.fake.expire_overdue(false);
    let ends = ["checkout.session.expired", "payment_intent.canceled"];
    assert_eq!(shop.events().await[2..], ends);
    let path = format!("/v1/checkout/sessions/{}", later["id"].as_str().unwrap());
    assert_eq!(shop.ask(&path, &[]).await["status"], "open");

    let answer = shop.ask_as("sk_test_51Shop", "/v1/account", &[]).await;
    assert_eq!(answer.headers()["date"], "Fri, 15 Jan 2027 08:30:00 GMT");
    let refused = shop.ask_as("sk_test_51Invalid", "/v1/account", &[]).await;
    assert_eq!(refused.headers().get_all("date").iter().count(), 1);
    assert_eq!(refused.headers()["date"], "Fri, 15 Jan 2027 08:30:00 GMT");
    assert!(body_of(refused).await["error"].is_object());
    set_clock(None);
}
