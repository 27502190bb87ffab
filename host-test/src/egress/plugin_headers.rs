//! Which headers a plugin may set.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::client::denied;
use crate::contract::http::Failure;
use crate::foreign::line;

/// How many headers a request of a plugin may have. Our own choice.
const MAXIMUM_HEADERS: usize = 64;
/// How long their names and values may be together, in bytes. Our own choice: many servers refuse more.
const MAXIMUM_LENGTH: usize = 16 << 10;
/// How much of a header's name is shown, in characters. Our own choice.
const LONGEST_SHOWN: usize = 60;

/// Those that the host sets, and those that steer a connection. They are removed, as the contract says.
/// `accept-encoding` and `range` would hide a credential in a response from the search.
const HOST_HEADERS: [&str; 21] = [
    "accept-encoding",
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "cookie2",
    "expect",
    "host",
    "http2-settings",
    "if-range",
    "keep-alive",
    "max-forwards",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

/// Those of HTTP itself that APIs use.
const ALLOWED: [&str; 12] = [
    "accept",
    "accept-language",
    "content-language",
    "content-type",
    "date",
    "idempotency-key",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-unmodified-since",
    "prefer",
    // Correlates a request in the provider's log with the plugin's.
    "request-id",
];

/// Those that proxies and frameworks act on: who the client is, which host, path or method is meant, or (of AWS) as whom
/// the request is made.
const DENIED: [&str; 24] = [
    "cf-",
    "fastly-",
    "true-client-ip",
    "x-accel-",
    "x-amz-",
    "x-amzn-",
    "x-appengine-",
    "x-arr-",
    "x-azure-",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-envoy-",
    "x-forwarded",
    "x-goog-",
    "x-host",
    "x-http-method",
    "x-method-override",
    "x-middleware-",
    "x-original-",
    "x-proxy-",
    "x-real-ip",
    "x-remote-",
    "x-rewrite-",
    "x-sendfile",
];

/// Whether only the host may set a header, and for what it is, not by a manifest's `authorization` either.
pub(super) fn is_of_host(name: &str) -> bool {
    HOST_HEADERS.contains(&name)
}

/// What the names of a provider's own headers begin with: its id in lower case and a dash.
pub(super) fn prefix_of(provider_id: &str) -> String {
    format!("{}-", provider_id.to_ascii_lowercase().replace('_', "-"))
}

/// The headers of a plugin's request that are sent. `is_set` says whether the host sets a header of this origin.
pub(super) fn allowed(
    given: Vec<(String, String)>,
    own_prefix: &str,
    is_set: impl Fn(&HeaderName) -> bool,
) -> Result<HeaderMap, Failure> {
    let length: usize = given.iter().map(|(name, value)| name.len() + value.len()).sum();
    if given.len() > MAXIMUM_HEADERS || length > MAXIMUM_LENGTH {
        return Err(denied("the request has too many or too large headers"));
    }
    let mut headers = HeaderMap::new();
    for (name, value) in given {
        let name = HeaderName::try_from(name).map_err(|_| denied("a header's name is invalid"))?;
        if is_of_host(name.as_str()) || is_set(&name) {
            continue;
        }
        if !may_be_sent(name.as_str(), own_prefix) {
            let shown = line(name.as_str(), LONGEST_SHOWN);
            return Err(denied(&format!("a plugin may not set this header: {shown}")));
        }
        let value =
            HeaderValue::try_from(value).map_err(|_| denied("a header's value is invalid"))?;
        headers.append(name, value);
    }
    Ok(headers)
}

fn may_be_sent(name: &str, own_prefix: &str) -> bool {
    // Before the provider's own: a plugin chooses its provider's id.
    !DENIED.iter().any(|denied| name.starts_with(denied))
        && (ALLOWED.contains(&name) || name.starts_with("x-") || name.starts_with(own_prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(given: &[(&str, &str)], provider: &str) -> Result<Vec<String>, String> {
        let given = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let allowed = allowed(given.collect(), &prefix_of(provider), |name| name == "x-token");
        let names = |headers: HeaderMap| headers.keys().map(HeaderName::to_string).collect();
        allowed.map(names).map_err(|failure| failure.message)
    }

    #[test]
    fn plugin_sets_headers_of_apis_only() {
        let names = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        for name in names("accept content-type idempotency-key if-match prefer x-idempotency-key")
            .into_iter()
            .chain(names("andes-pay-version andes-pay-request-id x-request-id x-andes"))
        {
            assert_eq!(sent(&[(&name, "1")], "ANDES_PAY"), Ok(vec![name]));
        }
        for name in names("authorization Cookie HOST expect trailer keep-alive user-agent te")
            .into_iter()
            .chain(names("proxy-connection proxy-authorization upgrade content-length x-token"))
        {
            assert_eq!(sent(&[(&name, "1")], "ANDES_PAY"), Ok(Vec::new()), "{name}");
        }
        for name in names("x-forwarded-for x-forwarded x-real-ip x-http-method-override forwarded")
            .into_iter()
            .chain(names("via origin referer x-original-url x-rewrite-url x-host x-amz-date"))
            .chain(names("andes-version square-version content-encoding api-key cf-connecting-ip"))
        {
            let refused = sent(&[("accept", "*/*"), (&name, "1")], "ANDES_PAY");
            assert_eq!(refused, Err(format!("a plugin may not set this header: {name}")));
        }
        // A provider's id opens none of them.
        for (provider, name) in [("X_FORWARDED", "x-forwarded-for"), ("CF", "cf-connecting-ip")] {
            assert!(sent(&[(name, "1")], provider).is_err());
        }
    }

    #[test]
    fn headers_are_bounded() {
        let many = |number| vec![("x-a", "1"); number];
        assert!(sent(&many(MAXIMUM_HEADERS), "P").is_ok());
        assert!(sent(&many(MAXIMUM_HEADERS + 1), "P").is_err());
        let value = "1".repeat(MAXIMUM_LENGTH - 3);
        assert!(sent(&[("x-a", &value)], "P").is_ok());
        assert!(sent(&[("x-a", &value), ("x-b", "")], "P").is_err());
        assert!(sent(&[("x-a\r\n", "1")], "P").is_err() && sent(&[("x-a", "1\n")], "P").is_err());
    }
}
