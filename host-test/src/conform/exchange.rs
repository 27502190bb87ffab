//! A request of the plugin, and what came back.

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};

/// A request, and what came back.
#[derive(Clone)]
pub struct Exchange {
    /// The origin of the manifest.
    pub origin: String,
    /// The method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// The headers, with what the host has added. Not to be shown.
    pub headers: HeaderMap,
    /// The body. Not to be shown as it is.
    pub body: Bytes,
    /// The status that the plugin has got. None: no answer.
    pub status: Option<u16>,
    /// Whether the host itself has sent it: an exchange of tokens.
    pub is_of_host: bool,
    /// Whether it may change something at the provider.
    pub is_write: bool,
}

impl Exchange {
    /// Whether it was answered, and not refused.
    #[must_use]
    pub fn has_succeeded(&self) -> bool {
        self.status.is_some_and(|status| status < 300)
    }

    /// Whether another write is the same one, sent again: with its idempotency key, else with its body.
    #[must_use]
    pub fn is_repetition_of(&self, first: &Self) -> bool {
        let keys = |of: &Self| -> Vec<HeaderValue> {
            let is_key = |name: &HeaderName| {
                ["idempotency", "request-id"].iter().any(|part| name.as_str().contains(part))
            };
            let keys = of.headers.iter().filter(|(name, _)| is_key(name));
            keys.map(|(_, value)| value.clone()).collect()
        };
        let (ours, theirs) = (keys(self), keys(first));
        let is_same = if ours.is_empty() { self.body == first.body } else { ours == theirs };
        is_same && self.method == first.method && self.target == first.target
    }
}

/// Whether a request changes nothing: a `GET`, or one of the scenario's `reads`.
pub fn is_read(method: &Method, path: &str, reads: &[String]) -> bool {
    let fits = |read: &String| {
        let Some((of, pattern)) = read.split_once(' ') else { return false };
        let (wanted, found) = (pattern.split('/'), path.split('/'));
        let is_path = wanted.clone().count() == found.clone().count()
            && wanted.zip(found).all(|(wanted, found)| wanted == "*" || wanted == found);
        of == method.as_str() && is_path
    };
    method == Method::GET || reads.iter().any(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_of_the_scenario_are_no_changes() {
        let reads = ["POST /queries".to_owned(), "POST /shops/*/search".to_owned()];
        for (method, path, expected) in [
            (Method::GET, "/any", true),
            (Method::POST, "/queries", true),
            (Method::POST, "/shops/7/search", true),
            (Method::POST, "/shops/7/search/8", false),
            (Method::PUT, "/queries", false),
            (Method::POST, "/payments", false),
        ] {
            assert_eq!(is_read(&method, path, &reads), expected, "{method} {path}");
        }
    }
}
