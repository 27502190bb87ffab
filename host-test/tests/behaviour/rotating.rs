//! A new key, or a new signing secret, in the place of the old one.

use fake_provider::signature;
use host_test::contract::types::{
    Credential, InstallRequest, Mode, UrlsByMode, Verdict, WebhookOwner, WebhookUrls,
};
use host_test::egress::{Credentials, Policy};
use host_test::marketplace::InstallOptions;
use secrecy::SecretString;

use super::host::{Host, PAYS, TEST_KEY, options, options_with_secret, plugin};

const ENDPOINTS: &str = "/v1/webhook_endpoints";

#[tokio::test]
async fn rotation_needs_the_same_account() {
    let unnamed = "rk_test_51WithoutAccount";
    let rows = [
        // Both name their account.
        (TEST_KEY, "sk_test_51AnotherOne", true),
        (TEST_KEY, "sk_test_51SecondAccount", false),
        (TEST_KEY, "rk_test_51AllThatIsNeeded", true),
        // The same key is of the same account.
        (unnamed, unnamed, true),
        ("rk_test_51WithoutAccountWebhook", "rk_test_51WithoutAccountWebhook", true),
        // One does not say, and sees the webhook, or does not.
        (unnamed, "rk_test_51AnotherWithoutAccount", true),
        (TEST_KEY, "rk_test_51AnotherWithoutAccount", true),
        (unnamed, "rk_test_51SecondAccountWithoutAccount", false),
        (TEST_KEY, "rk_test_51AnotherWithoutAccountWebhook", false),
    ];
    for (first, second, is_accepted) in rows {
        for is_manual in [false, true] {
            let host = Host::start().await;
            let by_hand = "url=https://chat-payments.jelou.dev/link-webhook?provider%3DSTRIPE&enabled_events[]=*";
            if is_manual {
                host.tell_stripe(TEST_KEY, ENDPOINTS, by_hand).await;
            }
            let options =
                |key| InstallOptions { webhook_is_manual: Some(is_manual), ..options(key) };
            let before = host.marketplace.install(options(first)).await.unwrap();
            let endpoints = host.fake.endpoint_ids(false);
            let after = host.marketplace.install(options(second)).await;
            let what = format!("{first} -> {second}, manual: {is_manual}");
            assert_eq!(host.fake.endpoint_ids(false), endpoints, "{what}");
            match after {
                Ok(after) => {
                    assert!(is_accepted, "{what}");
                    assert_eq!(after.installation, before.installation, "{what}");
                }
                Err(error) => {
                    assert!(!is_accepted, "{what}: {error}");
                    assert_eq!(error.problem().code, "account-mismatch", "{what}");
                }
            }
        }
    }
}

#[tokio::test]
async fn rolled_secret_still_verifies() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let page = host.ask("order-1").await;
    host.pay(&page, PAYS).await;
    let delivery = host.fake.unsent_delivery(false, "payment_intent.succeeded").unwrap();
    let new = "whsec_rolledInTheDashboard";
    let time: u64 = delivery.signature[2..].split(',').next().unwrap().parse().unwrap();
    let by_new = signature(new, false, &delivery.body, time);
    let post = async |signature: &str| {
        host.post(&delivery.url, Some(signature), delivery.body.clone()).await.0
    };
    assert_eq!((post(&delivery.signature).await, post(&by_new).await), (200, 400));

    let rotated = host.marketplace.install(options_with_secret(TEST_KEY, new)).await.unwrap();
    assert!(rotated.is_rotation);
    let by_both = format!("{by_new},{}", delivery.signature.split_once(',').unwrap().1);
    for signature in [&delivery.signature, &by_new, &by_both] {
        assert_eq!(post(signature).await, 200);
    }
    assert_eq!(post(&signature("whsec_another", false, &delivery.body, time)).await, 400);
    // Again and again, and a repair between: both stay.
    host.marketplace.repair().await.unwrap();
    assert_eq!((post(&delivery.signature).await, post(&by_new).await), (200, 200));
    // The secret that Stripe gave is kept, whatever the merchant pastes.
    for wrong in ["whsec_wrong1", "whsec_wrong2", "whsec_wrong3"] {
        host.marketplace.install(options_with_secret(TEST_KEY, wrong)).await.unwrap();
    }
    assert_eq!(post(&delivery.signature).await, 200);
}

#[tokio::test]
async fn wrong_signing_secret_is_named() {
    let host = Host::start().await;
    let rows = [
        ("sk_test_51TestTestTestTest", "an API key"),
        ("rk_live_51TestTestTestTest", "an API key"),
        ("pk_test_51TestTestTestTest", "an API key"),
        ("we_1TestTestTestTest", "the id of a webhook endpoint"),
        ("whsec_one two", "spaces inside"),
        ("whsec_...", "a shortened one"),
        ("whsec_••••AbCd", "a shortened one"),
        ("whsec_", "something else"),
        ("secret", "something else"),
    ];
    for (given, is) in rows {
        for is_manual in [false, true] {
            let options = InstallOptions {
                webhook_is_manual: Some(is_manual),
                ..options_with_secret(TEST_KEY, given)
            };
            let problem = host.marketplace.install(options).await.unwrap_err().problem();
            assert_eq!(problem.code, "webhook-secret-malformed");
            assert!(problem.message.contains(is), "{given}: {}", problem.message);
            assert!(given.trim().len() < 7 || !problem.message.contains(given));
        }
    }
    assert!(host.fake.requests().is_empty());
}

/// Its version cannot be changed and its secret not be read again.
#[tokio::test]
async fn replaced_webhook_keeps_the_old_secret() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let made = host
        .tell_stripe(
            TEST_KEY,
            ENDPOINTS,
            "url=https://chat-payments.jelou.dev/x&enabled_events[]=*&api_version=2020-08-27",
        )
        .await;
    let plugin = plugin().await;
    let provider = format!("https://api.stripe.com=http://{}", host.fake.address());
    let policy = Policy::new(plugin.manifest(), &[provider.parse().unwrap()]).unwrap();
    let credentials =
        Credentials::new([("api-key".to_owned(), SecretString::from(TEST_KEY.to_owned()))]);
    let egress = super::host::gateway(policy).egress("", Mode::Test, credentials);
    let urls = |path: &str| UrlsByMode {
        test: format!("https://chat-payments.jelou.dev/{path}"),
        live: format!("https://chat-payments.jelou.ai/{path}"),
    };
    let request = InstallRequest {
        installation_id: "i1".to_owned(),
        workspace: "w1".to_owned(),
        mode: Mode::Test,
        credentials: vec![Credential {
            name: "api-key".to_owned(),
            kind: "standard".to_owned(),
            changed: false,
            signing_secret: None,
        }],
        webhook_urls: WebhookUrls { installation: urls("x?installation=i1"), shared: urls("x") },
        webhook_owner: WebhookOwner::Plugin,
        known_payment: None,
    };
    let mut installed = plugin.install(egress.clone().into(), &request).await.unwrap().unwrap();
    let first = installed.webhook.endpoint_id.replace(made["id"].as_str().unwrap().to_owned());
    let old = installed.webhook.signing_secrets.clone();
    // In a full account nothing can take its place: it stays.
    for number in 2..16 {
        let form = format!("url=https://shop.example.com/{number}&enabled_events[]=*");
        host.tell_stripe(TEST_KEY, ENDPOINTS, &form).await;
    }
    let full = plugin.repair(egress.clone().into(), &installed, &request).await;
    let full = full.unwrap().unwrap();
    let kept = full.installation.webhook.endpoint_id;
    assert_eq!((full.changes.len(), kept.as_deref()), (0, made["id"].as_str()));
    assert!(host.fake.endpoint_ids(false).contains(&kept.unwrap()));
    let last = host.fake.endpoint_ids(false).pop().unwrap();
    let url = format!("http://{}{ENDPOINTS}/{last}", host.fake.address());
    host.client.delete(url).bearer_auth(TEST_KEY).send().await.unwrap();

    let repaired =
        plugin.repair(egress.clone().into(), &installed, &request).await.unwrap().unwrap();
    assert_eq!(repaired.changes, ["A new webhook was registered."]);
    let secrets = &repaired.installation.webhook.signing_secrets;
    assert_eq!((secrets.len(), secrets.last()), (2, old.first()));
    // Nothing has been deleted before the new secret could be stored; now the stray goes.
    assert!(host.fake.endpoint_ids(false).contains(first.as_ref().unwrap()));
    let again =
        plugin.repair(egress.into(), &repaired.installation, &request).await.unwrap().unwrap();
    assert_eq!(again.changes.len(), 1);
    assert!(!host.fake.endpoint_ids(false).contains(first.as_ref().unwrap()));
}

#[tokio::test]
async fn full_account_uses_the_merchants_webhook() {
    let host = Host::start().await;
    let by_hand = "url=https://chat-payments.jelou.dev/link-webhook?provider%3DSTRIPE&enabled_events[]=payment_intent.succeeded&enabled_events[]=payment_intent.requires_action&enabled_events[]=payment_intent.payment_failed";
    let made = host.tell_stripe(TEST_KEY, ENDPOINTS, by_hand).await;
    for number in 1..16 {
        let form = format!("url=https://shop.example.com/{number}&enabled_events[]=*");
        host.tell_stripe(TEST_KEY, ENDPOINTS, &form).await;
    }
    let secret = made["secret"].as_str().unwrap();
    let installed = host.marketplace.install(options_with_secret(TEST_KEY, secret)).await.unwrap();
    assert_eq!(installed.problem, None);
    let (_, report) = host.marketplace.status().await.unwrap();
    assert!(report.checks.iter().all(|c| matches!(c.verdict, Verdict::Pass | Verdict::Unknown)));
    let page = host.ask("order-1").await;
    host.pay(&page, PAYS).await;
    assert_eq!(host.outputs("order-1").await, ["Pending", "Approved"]);
    let left = host.marketplace.uninstall(false).await.unwrap().left.unwrap();
    assert_eq!(left.endpoint.as_deref(), made["id"].as_str());
    assert_eq!((left.because, host.fake.endpoint_ids(false).len()), (None, 16));
}
