//! Keys: whose they are and what they may do. The key's own text says so, so that a test, the demo and a
//! person at a prompt choose in the same way.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

use crate::account::{AccountMode, FIRST_ACCOUNT, SECOND_ACCOUNT};
use crate::error::ApiError;

/// The permissions of a restricted key: the word after `Without` that removes it, the path that needs it,
/// and its name in Stripe's error messages.
const PERMISSIONS: [(&str, &str, &str); 6] = [
    ("Webhook", "/v1/webhook_endpoints", "webhook"),
    ("Checkout", "/v1/checkout/sessions", "checkout_session"),
    ("PaymentIntent", "/v1/payment_intents", "payment_intent"),
    ("Refund", "/v1/refunds", "refund"),
    ("Charge", "/v1/charges", "charge"),
    ("Event", "/v1/events", "event"),
];

/// An accepted key.
#[derive(Clone)]
pub struct Key {
    /// Its account and mode.
    pub mode: AccountMode,
    /// Whether the answer to the creation of a webhook endpoint lacks the signing secret.
    pub gets_no_secrets: bool,
    /// Whether the account can charge, as far as this key tells.
    pub is_activated: bool,
    /// The permissions that it lacks: the text after `Without`, and what was lost since. None: it is not a
    /// restricted key.
    lacking: Option<Vec<String>>,
    masked: String,
}

impl Key {
    /// Refuses a request for which the key lacks a permission.
    pub fn check_permission(&self, method: &str, path: &str) -> Result<(), ApiError> {
        let Some(lacking) = &self.lacking else {
            return Ok(());
        };
        if path == "/v1/account" || path.starts_with("/v2/") {
            let lacks_account = lacking.iter().any(|text| text.contains("Account"));
            return Err(if path.starts_with("/v2/") || lacks_account {
                ApiError::not_for_restricted_keys(&self.masked)
            } else {
                self.permission_missing("rak_accounts_kyc_basic_read")
            });
        }
        let writes = method != "GET";
        for (word, prefix, name) in PERMISSIONS {
            if path.starts_with(prefix) && self.lacks(word, writes) {
                let kind = if writes { "write" } else { "read" };
                return Err(self.permission_missing(&format!("rak_{name}_{kind}")));
            }
        }
        Ok(())
    }

    /// Refuses to expand a charge if the key may not read charges.
    pub fn check_expanded_charge(&self) -> Result<(), ApiError> {
        if self.lacks("Charge", false) {
            Err(self.permission_missing("rak_charge_read"))
        } else {
            Ok(())
        }
    }

    fn lacks(&self, word: &str, writes: bool) -> bool {
        let mut lacking = self.lacking.iter().flatten().filter_map(|text| text.split_once(word));
        lacking.any(|(_, rest)| writes || !rest.starts_with("Write"))
    }

    fn permission_missing(&self, permission: &str) -> ApiError {
        ApiError::permission_missing(&self.masked, self.mode.account, permission)
    }
}

/// Reads the key of a request. `lost`: the permission that every restricted key has lost.
pub fn key_of(headers: &HeaderMap, lost: Option<&str>) -> Result<Key, ApiError> {
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
    let account = if key.contains("SecondAccount") { SECOND_ACCOUNT } else { FIRST_ACCOUNT };
    let without = key.split_once("Without").map(|(_, lacking)| lacking);
    let lacking = || without.into_iter().chain(lost).map(str::to_owned).collect();
    Ok(Key {
        mode: AccountMode { account, livemode },
        gets_no_secrets: key.contains("Secretless"),
        is_activated: !key.contains("NotActivated"),
        lacking: is_restricted.then(lacking),
        masked,
    })
}

/// A key as it stands in Stripe's error messages: its prefix and its last four characters.
fn masked(key: &str) -> String {
    let prefix: String = key.chars().take(8).collect();
    let rest: Vec<char> = key.chars().skip(8).collect();
    let last: String = rest.iter().rev().take(4).rev().collect();
    format!("{prefix}****{last}")
}
