//! Who is calling.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

use super::error::ApiError;

/// The owner of an accepted key.
#[derive(Clone, Copy)]
pub struct Caller {
    /// Whether the key is a live one.
    pub livemode: bool,
    /// Whether the key is a restricted one.
    pub is_restricted: bool,
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
    let (livemode, is_restricted) = [
        ("sk_test_", (false, false)),
        ("sk_live_", (true, false)),
        ("rk_test_", (false, true)),
        ("rk_live_", (true, true)),
    ]
    .into_iter()
    .find_map(|(prefix, kind)| key.starts_with(prefix).then_some(kind))
    .ok_or_else(|| ApiError::wrong_key(&masked(key)))?;
    if key.ends_with("Expired") {
        return Err(ApiError::expired_key(&masked(key)));
    }
    if key.ends_with("Invalid") {
        return Err(ApiError::wrong_key(&masked(key)));
    }
    Ok(Caller { livemode, is_restricted })
}

/// A key as Stripe repeats it: its prefix and its last four characters.
fn masked(key: &str) -> String {
    let prefix: String = key.chars().take(8).collect();
    let rest: Vec<char> = key.chars().skip(8).collect();
    let last: String = rest.iter().rev().take(4).rev().collect();
    format!("{prefix}****{last}")
}
