//! Requests in the trace: as the plugin wrote them, without what is secret.

use secrecy::ExposeSecret as _;
use tokio::time::Instant;

use super::client::outcome_of;
use super::{Credentials, Egress, SHORTEST_MASKED, lock};
use crate::contract::http::{Failure, Request, Response};
use crate::foreign::{Secrets, line};
use crate::trace;

/// How much of a URL is in the trace, in characters. Our own choice.
const LONGEST_TRACED: usize = 500;

/// The texts that the trace hides besides: every credential, also those that are sent to nobody.
pub(super) fn hidden(credentials: &Credentials) -> Secrets {
    let mut hidden = Secrets::default();
    if trace::is_read() {
        for (_, value) in credentials.iter() {
            hidden.add(value.expose_secret(), SHORTEST_MASKED);
        }
    }
    hidden
}

impl Egress {
    /// Hides signing secrets of the installation in the trace.
    pub fn hide_in_trace<'a>(&self, signing_secrets: impl IntoIterator<Item = &'a str>) {
        if let Some(inner) = self.inner.as_ref().filter(|_| trace::is_read()) {
            let mut hidden = lock(&inner.hidden);
            signing_secrets.into_iter().for_each(|secret| hidden.add(secret, SHORTEST_MASKED));
        }
    }

    /// Sends a request of the plugin. What is denied is a security event.
    pub async fn send(&self, request: Request) -> Result<Response, Failure> {
        if !trace::is_read() {
            return self.send_untraced(request).await;
        }
        let (method, url, bytes_out) =
            (request.method.clone(), request.url.clone(), request.body.len());
        let begun = Instant::now();
        let answer = self.send_untraced(request).await;
        // After the request: a token that was issued for it is known now.
        let (method, url) = (self.traceable(method), self.traceable(url));
        trace::requested((&method, &url, bytes_out), begun.elapsed(), &answer, outcome_of(&answer));
        answer
    }

    /// What the plugin wrote, as it may be in the trace.
    fn traceable(&self, text: String) -> String {
        // It does not know what is secret.
        let Some(inner) = &self.inner else { return "(not shown)".to_owned() };
        let (leaks, hidden) = (inner.leaks(), lock(&inner.hidden));
        let masked = hidden.mask_text(leaks.mask_text(text));
        if hidden.are_in(masked.as_bytes()) || leaks.are_in(masked.as_bytes()) {
            return "(hidden: it holds a secret)".to_owned();
        }
        line(&masked, LONGEST_TRACED).into_owned()
    }
}
