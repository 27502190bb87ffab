//! Who is calling, and what they may do: told from the key's own letters, so that a test, a demo
//! and a person at a prompt choose it in the same way.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

use super::error::ApiError;
use super::state::Realm;

/// The account that a key belongs to.
pub const ACCOUNT: &str = "acct_1FakeStripeAccount";
/// The account of a key with `SecondAccount` in it.
const SECOND_ACCOUNT: &str = "acct_1FakeStripeSecond";

/// What a restricted key may be allowed to do: the word in a key that takes it away, the path that
/// it opens, and the name in Stripe's refusals.
const PERMISSIONS: [(&str, &str, &str); 6] = [
    ("Webhook", "/v1/webhook_endpoints", "webhook"),
    ("Checkout", "/v1/checkout/sessions", "checkout_session"),
    ("PaymentIntent", "/v1/payment_intents", "payment_intent"),
    ("Refund", "/v1/refunds", "refund"),
    ("Charge", "/v1/charges", "charge"),
    ("Event", "/v1/events", "event"),
];

/// The owner of an accepted key.
#[derive(Clone)]
pub struct Caller {
    /// The account and the mode.
    pub realm: Realm,
    /// Whether a new webhook's secret is left out of its answer.
    pub is_kept_from_secrets: bool,
    /// What was written after `Without`, if the key is a restricted one.
    lacking: Option<String>,
    masked: String,
}

impl Caller {
    /// Whether the caller may make a call; else the refusal.
    pub fn may(&self, method: &str, path: &str) -> Result<(), ApiError> {
        let Some(lacking) = &self.lacking else {
            return Ok(());
        };
        if path == "/v1/account" || path.starts_with("/v2/") {
            return Err(if path.starts_with("/v2/") || lacking.contains("Account") {
                ApiError::never_for_restricted_keys(&self.masked)
            } else {
                self.refusal("rak_accounts_kyc_basic_read")
            });
        }
        let writes = method != "GET";
        for (word, opens, name) in PERMISSIONS {
            if path.starts_with(opens) && self.lacks(word, writes) {
                let kind = if writes { "write" } else { "read" };
                return Err(self.refusal(&format!("rak_{name}_{kind}")));
            }
        }
        Ok(())
    }

    /// Whether an answer may hold the charge itself and not only its id.
    pub fn may_expand_charges(&self) -> Result<(), ApiError> {
        if self.lacks("Charge", false) { Err(self.refusal("rak_charge_read")) } else { Ok(()) }
    }

    fn lacks(&self, word: &str, writes: bool) -> bool {
        let Some((_, rest)) = self.lacking.as_ref().and_then(|lacking| lacking.split_once(word))
        else {
            return false;
        };
        writes || !rest.starts_with("Write")
    }

    fn refusal(&self, permission: &str) -> ApiError {
        ApiError::permission(&self.masked, self.realm.account, permission)
    }
}

/// Reads the key of a request.
pub fn caller(headers: &HeaderMap) -> Result<Caller, ApiError> {
    let key = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .ok_or_else(ApiError::no_key)?;
    if key.starts_with("pk_") {
        return Err(ApiError::publishable_key());
    }
    let masked = masked(key);
    let (livemode, is_restricted) = [
        ("sk_test_", (false, false)),
        ("sk_live_", (true, false)),
        ("rk_test_", (false, true)),
        ("rk_live_", (true, true)),
    ]
    .into_iter()
    .find_map(|(prefix, kind)| key.starts_with(prefix).then_some(kind))
    .ok_or_else(|| ApiError::wrong_key(&masked))?;
    if key.ends_with("Expired") {
        return Err(ApiError::expired_key(&masked));
    }
    if key.ends_with("Invalid") {
        return Err(ApiError::wrong_key(&masked));
    }
    let account = if key.contains("SecondAccount") { SECOND_ACCOUNT } else { ACCOUNT };
    let lacking = key.split_once("Without").map_or("", |(_, lacking)| lacking);
    Ok(Caller {
        realm: Realm { account, livemode },
        is_kept_from_secrets: key.contains("Secretless"),
        lacking: is_restricted.then(|| lacking.to_owned()),
        masked,
    })
}

/// A key as Stripe repeats it: its prefix and its last four characters.
fn masked(key: &str) -> String {
    let prefix: String = key.chars().take(8).collect();
    let rest: Vec<char> = key.chars().skip(8).collect();
    let last: String = rest.iter().rev().take(4).rev().collect();
    format!("{prefix}****{last}")
}
