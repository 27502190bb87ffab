//! What Stripe's keys and signing secrets are, by the rules of its manifest. No plugin runs.

use host_test::contract::types::Mode;
use host_test::egress::Credentials;
use secrecy::SecretString;

use super::host::{TEST_KEY, plugin};

fn given(key: &str, secret: Option<&str>) -> Credentials {
    let given = [("api-key", Some(key)), ("webhook-secret", secret)];
    let given = given.into_iter().filter_map(|(name, value)| Some((name, value?)));
    Credentials::new(given.map(|(name, value)| (name.to_owned(), SecretString::from(value))))
}

#[tokio::test]
async fn keys_are_classified() {
    let plugin = plugin().await;
    let standard = |mode| Ok((mode, "standard"));
    let restricted = |mode| Ok((mode, "restricted"));
    let rows = [
        ("sk_test_51Habcdefghijk", standard(Mode::Test)),
        ("  sk_live_51Habcdefghijk\n", standard(Mode::Live)),
        ("rk_test_51Habcdefghijk", restricted(Mode::Test)),
        ("rk_live_51Habcdefghijk", restricted(Mode::Live)),
        ("", Err(("key-missing", "empty"))),
        (" \t\r\n", Err(("key-missing", "empty"))),
        ("pk_test_51Habcdefghijk", Err(("key-publishable", "Publishable"))),
        ("pk_live_51Habcdefghijk", Err(("key-publishable", "Publishable"))),
        ("whsec_abcdefghijklmnop", Err(("key-webhook-secret", "signing secret"))),
        ("sk_org_test_abcdefghij", Err(("key-organization", "organization"))),
        ("rkcs_test_abcdefghijkl", Err(("key-unsupported", "another purpose"))),
        ("ek_test_abcdefghijklmn", Err(("key-unsupported", "another purpose"))),
        ("sk_test_51Habc\ndefghijk", Err(("key-malformed", "line break"))),
        ("sk_test_51Habc defghijk", Err(("key-malformed", "line break"))),
        ("sk_test_51Habc\u{85}defghijk", Err(("key-malformed", "line break"))),
        ("s", Err(("key-malformed", "a part of it is missing"))),
        ("sk_te", Err(("key-malformed", "a part of it is missing"))),
        ("rk_live", Err(("key-malformed", "a part of it is missing"))),
        ("sk_test_", Err(("key-malformed", "a part of it is missing"))),
        ("sk_test_51Habc", Err(("key-malformed", "a part of it is missing"))),
        ("sk_test_...", Err(("key-malformed", "shortened API Key"))),
        ("sk_live_••••••••••••AbCd", Err(("key-malformed", "shortened API Key"))),
        ("sk_test_51Habcdefghijk_", Err(("key-malformed", "not a Stripe API Key"))),
        ("SK_TEST_51Habcdefghijk", Err(("key-malformed", "not a Stripe API Key"))),
        ("we_1Habcdefghijklmnop", Err(("key-malformed", "not a Stripe API Key"))),
        ("https://dashboard.stripe.com", Err(("key-malformed", "not a Stripe API Key"))),
    ];
    for (key, expected) in rows {
        let given = given(key, None);
        match (plugin.rules().classify(&given, None), expected) {
            (Ok(accepted), Ok((mode, kind))) => {
                assert_eq!(accepted.mode, mode, "{key:?}");
                let described = plugin.rules().for_plugin(&accepted, &given, |_| true);
                let [described] = described.as_slice() else { panic!("{key:?}") };
                assert_eq!((described.kind.as_str(), described.changed), (kind, true));
                // Never its value.
                assert_eq!(described.signing_secret, None);
            }
            (Err(error), Err((code, part))) => {
                let problem = error.problem();
                assert_eq!(problem.code, code, "{key:?}");
                assert!(problem.message.contains(part), "{key:?}: {}", problem.message);
                assert!(!problem.remedy.is_empty(), "{key:?}");
            }
            (judged, _) => panic!("{key:?}: {judged:?}"),
        }
    }
}

#[tokio::test]
async fn signing_secret_reaches_the_plugin() {
    let plugin = plugin().await;
    for (secret, expected) in
        [(Some(" whsec_abc "), Some("whsec_abc")), (Some("  "), None), (None, None)]
    {
        let given = given(TEST_KEY, secret);
        let accepted = plugin.rules().classify(&given, None).unwrap();
        let described = plugin.rules().for_plugin(&accepted, &given, |_| false);
        let found = described.iter().find(|credential| credential.name == "webhook-secret");
        assert_eq!(found.and_then(|found| found.signing_secret.as_deref()), expected);
    }
}

#[tokio::test]
async fn mode_that_was_asked_for_has_to_be_the_keys() {
    let plugin = plugin().await;
    let given = given(TEST_KEY, None);
    assert!(plugin.rules().classify(&given, Some(Mode::Test)).is_ok());
    let error = plugin.rules().classify(&given, Some(Mode::Live)).unwrap_err();
    assert_eq!(error.problem().code, "mode-mismatch");
}
