//! What a plugin asks for becomes the request that is sent, or is denied.

use reqwest::Method;
use url::Url;

use super::client::{denied, failure};
use super::policy::Rule;
use super::{Inner, plugin_headers};
use crate::contract::http::{Failure, FailureKind, Request};

/// The largest body of a request, in bytes. Source: the contract.
const MAXIMUM_REQUEST: usize = 256 << 10;

impl Inner {
    /// The request with its credentials, except a token of an OAuth exchange, and the rule that allows it.
    pub(super) fn prepare(&self, request: Request) -> Result<(&Rule, reqwest::Request), Failure> {
        let (method, has_body) = match request.method.as_str() {
            "GET" => (Method::GET, false),
            "POST" => (Method::POST, true),
            "PUT" => (Method::PUT, true),
            "PATCH" => (Method::PATCH, true),
            "DELETE" => (Method::DELETE, false),
            _ => return Err(denied("only GET, POST, PUT, PATCH and DELETE are allowed")),
        };
        if request.body.len() > MAXIMUM_REQUEST {
            return Err(denied("the request is too large"));
        }
        let url = Url::parse(&request.url).map_err(|_| denied("the URL cannot be read"))?;
        let policy = &self.gateway.policy;
        let rule = policy
            .rule_for(&url, self.mode)
            .ok_or_else(|| denied("the plugin's manifest does not name this origin"))?;
        if !policy.reaches(rule) {
            let message = "the network is off, and nothing stands in for this origin";
            return Err(failure(FailureKind::Unreachable, message));
        }
        let mut prepared = reqwest::Request::new(method, rule.address(url));
        let is_set = |name: &_| rule.authorization.header_names().any(|set| set == name);
        let mut headers = plugin_headers::allowed(request.headers, policy.header_prefix(), is_set)?;
        rule.authorization.apply(&self.credentials, &mut headers)?;
        *prepared.headers_mut() = headers;
        if has_body {
            *prepared.body_mut() = Some(request.body.into());
        }
        Ok((rule, prepared))
    }
}
