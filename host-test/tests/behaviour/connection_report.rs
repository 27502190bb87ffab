//! What the status report says in each situation: a row for each line of the guide's "Verify the
//! endpoint" and "Faultshooting" sections, and for what merchants have complained of elsewhere.

use fake_provider::FaultKind;
use host_test::contract::types::Verdict;
use host_test::marketplace::InstallOptions;

use super::host::{Host, LIVE_KEY, TEST_KEY, options, options_with_secret};

const TEST_URL: &str = "https://chat-payments.jelou.dev/link-webhook?provider%3DSTRIPE";
const LIVE_URL: &str = "https://chat-payments.jelou.ai/link-webhook?provider%3DSTRIPE";
const EVENTS: &str = "&enabled_events[]=payment_intent.succeeded&enabled_events[]=payment_intent.requires_action&enabled_events[]=payment_intent.payment_failed";
const SECRET: &str = "whsec_ofTheWebhookMadeByHand";

/// A check that does not pass, and a part of its message or remedy.
type Finding = (&'static str, Verdict, &'static str);

struct Row {
    situation: &'static str,
    key: &'static str,
    /// Whether the merchant makes the webhook.
    by_hand: bool,
    /// The signing secret that the merchant gives.
    secret: Option<&'static str>,
    /// What the merchant has made in Stripe before installing: forms of webhook endpoints.
    webhooks: Vec<String>,
    /// What the merchant has made in Workbench: bodies of event destinations.
    destinations: Vec<&'static str>,
    /// What somebody does to the webhook afterwards: a form, or `delete`.
    afterwards: &'static str,
    /// What happens to Stripe afterwards.
    trouble: Option<FaultKind>,
    /// The checks that do not pass, in their order.
    findings: Vec<Finding>,
}

impl Row {
    /// The plugin does everything.
    fn automatic(situation: &'static str) -> Self {
        Self {
            situation,
            key: TEST_KEY,
            by_hand: false,
            secret: None,
            webhooks: Vec::new(),
            destinations: Vec::new(),
            afterwards: "",
            trouble: None,
            findings: Vec::new(),
        }
    }

    /// The merchant has made one webhook, and gives its secret.
    fn by_hand(situation: &'static str, webhook: String) -> Self {
        Self {
            by_hand: true,
            secret: Some(SECRET),
            webhooks: vec![webhook],
            ..Self::automatic(situation)
        }
    }

    fn afterwards(mut self, what: &'static str) -> Self {
        self.afterwards = what;
        self
    }

    fn key(mut self, key: &'static str) -> Self {
        self.key = key;
        self
    }

    fn finds(mut self, findings: &[Finding]) -> Self {
        self.findings = findings.to_vec();
        self
    }
}

fn webhook(url: &str) -> String {
    format!("url={url}{EVENTS}")
}

const FAIL: Verdict = Verdict::Fail;
const WARN: Verdict = Verdict::Warn;
const UNKNOWN: Verdict = Verdict::Unknown;

/// The checks that cannot be made without a webhook, and why.
fn no_webhook(
    first: &[Finding],
    why: &'static str,
    destination: (Verdict, &'static str),
    last: &[Finding],
) -> Vec<Finding> {
    let unseen = |id| (id, UNKNOWN, why);
    let destination = ("webhook-destination", destination.0, destination.1);
    let rest = [
        unseen("webhook-events"),
        unseen("webhook-url"),
        destination,
        unseen("webhook-duplicates"),
        unseen("webhook-api-version"),
    ];
    [first, &rest, last].concat()
}

const NONE: &str = "no webhook";
const NOT_SEEN: &str = "could not be checked";
const NOT_SHOWN: (Verdict, &str) = (UNKNOWN, "does not show");
const MAY_NOT_READ: (Verdict, &str) = (UNKNOWN, "no permission to read");

/// The guide's "Verify the endpoint", and its tip.
fn the_guides_checks() -> Vec<Row> {
    vec![
        Row::automatic("everything is as it should be"),
        Row::automatic("everything is as it should be, live").key(LIVE_KEY),
        Row::by_hand("made from the guide", webhook(TEST_URL)),
        Row::by_hand("made from the guide, live", webhook(LIVE_URL)).key(LIVE_KEY),
        Row::automatic("the destination is not in the list").afterwards("delete").finds(
            &no_webhook(&[("webhook-endpoint", FAIL, "Run a repair")], NONE, NOT_SHOWN, &[]),
        ),
        Row::automatic("the destination is not active").afterwards("disabled=true").finds(&[(
            "webhook-endpoint",
            FAIL,
            "Run a repair",
        )]),
        Row::by_hand("made by hand, and not active", webhook(TEST_URL))
            .afterwards("disabled=true")
            .finds(&[("webhook-endpoint", FAIL, "Enable it")]),
        Row::automatic("an event is missing")
            .afterwards("enabled_events[]=payment_intent.succeeded&enabled_events[]=payment_intent.payment_failed")
            .finds(&[("webhook-events", FAIL, "does not listen to payment_intent.requires_action.")]),
        Row::by_hand("made by hand for every event", format!("url={TEST_URL}&enabled_events[]=*"))
            .finds(&[("webhook-events", WARN, "Select only payment_intent.succeeded")]),
        Row::by_hand(
            "made by hand for another event",
            format!("url={TEST_URL}&enabled_events[]=charge.succeeded"),
        )
        .finds(&[("webhook-events", FAIL, "should not listen to charge.succeeded")]),
        Row::by_hand("the URL of the other mode: test", webhook(LIVE_URL)).finds(&[
            ("mode", FAIL, "Key is a test key, and the webhook has the URL of live mode"),
            ("webhook-url", FAIL, "it has “ai” in place of “dev”"),
        ]),
        Row::by_hand("the URL of the other mode: live", webhook(TEST_URL)).key(LIVE_KEY).finds(&[
            ("mode", FAIL, "Paste this URL: https://chat-payments.jelou.ai/"),
            ("webhook-url", FAIL, "it has “dev” in place of “ai”"),
        ]),
        Row::automatic("our URL was changed to the other mode's")
            .afterwards("url=https://chat-payments.jelou.ai/link-webhook?provider%3DSTRIPE")
            .finds(&[
                ("mode", FAIL, "Run a repair"),
                ("webhook-url", FAIL, "Run a repair"),
            ]),
        Row::by_hand("a space behind the URL", webhook(&format!("{TEST_URL}%20")))
            .finds(&[("webhook-url", FAIL, "an extra space at the end")]),
        Row::by_hand("an encoded space behind the URL", webhook(&format!("{TEST_URL}%2520")))
            .finds(&[("webhook-url", FAIL, "an extra space at the end (“%20”)")]),
        Row::by_hand("more characters behind the URL", webhook(&format!("{TEST_URL}/x")))
            .finds(&[("webhook-url", FAIL, "it has an extra “/x” at the end")]),
        Row::by_hand(
            "the provider is missing in the URL",
            webhook("https://chat-payments.jelou.dev/link-webhook"),
        )
        .finds(&[("webhook-url", FAIL, "“?provider=STRIPE” is missing at the end")]),
    ]
}

/// The steps of the guide before: destination type and origin, one webhook for each mode.
fn the_guides_steps() -> Vec<Row> {
    let none = [("webhook-endpoint", FAIL, "create a destination of the type Webhook endpoint")];
    let destination = |situation, body, finding| {
        let findings = no_webhook(&none, NONE, (WARN, finding), &[]);
        let mut row = Row::by_hand(situation, String::new()).finds(&findings);
        row.webhooks.clear();
        row.destinations.push(body);
        row
    };
    let mut connect = Row::by_hand("for the events of other accounts", webhook(TEST_URL))
        .finds(&[("webhook-destination", FAIL, "Choose the origin Your account")]);
    connect.webhooks.iter_mut().for_each(|form| form.push_str("&connect=true"));
    let mut no_secret = Row::by_hand("the signing secret was left out", webhook(TEST_URL))
        .finds(&[("webhook-secret", WARN, "reveal its signing secret")]);
    no_secret.secret = None;
    let mut twice = Row::automatic("made by hand as well").finds(&[(
        "webhook-duplicates",
        WARN,
        "which was created by hand",
    )]);
    twice.webhooks.push(webhook(TEST_URL));
    let switch = [("webhook-endpoint", FAIL, "Switch to a test environment")];
    let mut nothing = Row::by_hand("nothing was made by hand", String::new()).finds(&no_webhook(
        &switch,
        NONE,
        NOT_SHOWN,
        &[],
    ));
    nothing.webhooks.clear();
    vec![
        connect,
        no_secret,
        twice,
        nothing,
        destination(
            "an EventBridge destination instead",
            r#"{"name":"n","type":"amazon_eventbridge","event_payload":"snapshot","enabled_events":["payment_intent.succeeded"]}"#,
            "Choose the type Webhook endpoint",
        ),
        destination(
            "a destination with thin events instead",
            r#"{"name":"n","type":"webhook_endpoint","event_payload":"thin","enabled_events":["v1.payment_intent.succeeded"],"webhook_endpoint":{"url":"https://chat-payments.jelou.dev/link-webhook?provider=STRIPE"}}"#,
            "Choose the payload style Snapshot",
        ),
        Row::by_hand("an old API version", format!("{}&api_version=2019-02-11", webhook(TEST_URL)))
            .finds(&[("webhook-api-version", FAIL, "2019-02-11, which is too old")]),
    ]
}

/// Keys, and what Stripe and the way to it do.
fn keys_and_troubles() -> Vec<Row> {
    let not_read: Finding = ("webhook-destination", MAY_NOT_READ.0, MAY_NOT_READ.1);
    let no_account: Finding = ("account-can-charge", UNKNOWN, "API Key may not read whether");
    let lacks = [
        ("permissions", WARN, "permissions[]=rak_webhook_write"),
        no_account,
        ("webhook-endpoint", FAIL, "create the webhook by hand"),
    ];
    let no_secret = [("webhook-secret", UNKNOWN, NONE)];
    let unreadable = no_webhook(&lacks, NOT_SEEN, MAY_NOT_READ, &no_secret);
    let readable = no_webhook(&lacks, NONE, MAY_NOT_READ, &no_secret);
    let trouble = |situation, kind, why| {
        let seen = [
            ("key", UNKNOWN, why),
            ("account-can-charge", UNKNOWN, NOT_SEEN),
            ("webhook-endpoint", UNKNOWN, NOT_SEEN),
        ];
        let mut row =
            Row::automatic(situation).finds(&no_webhook(&seen, NOT_SEEN, (UNKNOWN, NOT_SEEN), &[]));
        row.trouble = Some(kind);
        row
    };
    vec![
        Row::automatic("the account is not activated, live").key("sk_live_51NotActivated").finds(
            &[
                ("account-can-charge", FAIL, "https://dashboard.stripe.com/account/onboarding"),
                ("payments-attention", WARN, "does not let this account take payments"),
            ],
        ),
        Row::automatic("the account is not activated").key("sk_test_51NotActivated").finds(&[(
            "account-can-charge",
            WARN,
            "Live payments will not work",
        )]),
        Row::automatic("a restricted key with all that is needed")
            .key("rk_test_51AllThatIsNeeded")
            .finds(&[no_account, not_read]),
        Row::automatic("a restricted key that may not write webhooks")
            .key("rk_test_51WithoutWebhook")
            .finds(&unreadable),
        {
            // As the remedy of the row before says.
            let mut row = Row::automatic("the same, and made by hand with its secret given")
                .key("rk_test_51WithoutWebhook")
                .finds(&no_webhook(
                    &[lacks[0], no_account, ("webhook-endpoint", UNKNOWN, NOT_SEEN)],
                    NOT_SEEN,
                    MAY_NOT_READ,
                    &[],
                ));
            row.webhooks.push(webhook(TEST_URL));
            row.secret = Some(SECRET);
            row
        },
        Row::automatic("a restricted key that may only read webhooks")
            .key("rk_live_51WithoutWebhookWrite")
            .finds(&readable),
        Row::automatic("a restricted key that may not give money back nor list events")
            .key("rk_test_51WithoutRefundEvent")
            .finds(&[
                ("permissions", WARN, "rak_refund_write (to refund payments), rak_event_read"),
                no_account,
                not_read,
            ]),
        Row::automatic("a restricted key that does not get the signing secret")
            .key("rk_test_51Secretless")
            .finds(&[
                no_account,
                not_read,
                ("webhook-secret", WARN, "the endpoint that Brain Studio created"),
            ]),
        {
            let mut row = trouble("the key was deleted", FaultKind::Rejected, "create a new one");
            row.findings[0].1 = FAIL;
            row.findings.insert(1, ("permissions", UNKNOWN, "does not accept"));
            row
        },
        trouble("Stripe is too busy", FaultKind::Busy, "too many requests"),
        trouble("Stripe has a problem", FaultKind::Failing, "a problem of its own"),
        trouble("the connection breaks", FaultKind::Broken, "says nothing about your key"),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn report_names_every_situation() {
    let mut wrong = Vec::new();
    for row in [the_guides_checks(), the_guides_steps(), keys_and_troubles()].into_iter().flatten()
    {
        let host = Host::start().await;
        let live = row.key.contains("_live_");
        let merchant = if live { LIVE_KEY } else { TEST_KEY };
        for form in &row.webhooks {
            let made = host.tell_stripe(merchant, "/v1/webhook_endpoints", form).await;
            assert!(made["id"].is_string(), "{}: {made}", row.situation);
        }
        for body in &row.destinations {
            host.tell_stripe(merchant, "/v2/core/event_destinations", body).await;
        }
        let options = InstallOptions {
            webhook_is_manual: Some(row.by_hand),
            ..match row.secret {
                Some(secret) => options_with_secret(row.key, secret),
                None => options(row.key),
            }
        };
        host.marketplace.install(options).await.unwrap();
        match row.afterwards {
            "" => {}
            "delete" => host.delete_webhooks().await,
            form => {
                let [id] = host.fake.endpoint_ids(live).try_into().unwrap();
                let path = format!("/v1/webhook_endpoints/{id}");
                host.tell_stripe(row.key, &path, form).await;
            }
        }
        host.fake.set_fault(row.trouble.map(Into::into));
        let (_, report) = host.marketplace.status().await.unwrap();
        let findings: Vec<_> = report
            .checks
            .iter()
            .filter(|check| check.verdict != Verdict::Pass && check.id != "delivery-verified")
            .collect();
        let ids: Vec<_> = findings.iter().map(|check| (check.id.as_str(), check.verdict)).collect();
        let expected: Vec<_> =
            row.findings.iter().map(|(id, verdict, _)| (*id, *verdict)).collect();
        if ids != expected {
            wrong.push(format!("{}: {ids:?} instead of {expected:?}", row.situation));
        }
        for (check, (_, _, part)) in findings.iter().zip(&row.findings) {
            let text = format!("{} {}", check.message, check.remedy.join(" "));
            let has_remedy = !check.remedy.is_empty() || check.verdict == UNKNOWN;
            if !text.contains(part) || !has_remedy {
                wrong.push(format!("{}: {}: {text}", row.situation, check.id));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
