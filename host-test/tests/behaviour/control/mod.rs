//! The control listener: what an operator, a page and a collector of metrics ask it for.

mod crowd;
mod doors;
mod install;
mod metrics;
mod readiness;
mod requests;
mod same_json;
mod shutdown;
mod token;
mod workspaces;

use std::path::Path;
use std::sync::Arc;

use host_test::marketplace::Providers;
use host_test::server::DoorLimits;
use host_test::server::control::{ControlToken, serve};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use tokio::net::TcpListener;

use super::host::Host;

/// A control listener, and what its clients need.
pub struct Control {
    pub url: String,
    pub token: String,
    client: reqwest::Client,
}

/// The status of an answer, and its JSON.
type Answer = (u16, Value);

impl Control {
    /// A control listener over the host's marketplace.
    pub async fn start(host: &Host) -> Self {
        Self::over(Arc::clone(&host.marketplace), host.data.path(), host.client.clone()).await
    }

    pub async fn over(
        providers: impl Into<Providers>,
        data: &Path,
        client: reqwest::Client,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let token = ControlToken::of(data).unwrap();
        let limits = DoorLimits::default();
        tokio::spawn(serve(listener, providers.into(), token, limits, std::future::pending()));
        Self { url, token: token_in(data), client }
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url)).bearer_auth(&self.token)
    }

    pub async fn metrics(&self) -> String {
        let response = self.request(Method::GET, "/metrics").send().await.unwrap();
        response.text().await.unwrap()
    }

    pub async fn get(&self, path: &str) -> Answer {
        answer(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: &str) -> Answer {
        answer(self.request(Method::POST, path).body(body.to_owned())).await
    }
}

pub async fn answer(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let body = response.bytes().await.unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

pub fn token_in(data: &Path) -> String {
    std::fs::read_to_string(ControlToken::path(data)).unwrap()
}

/// The status of an answer, and the code of its problem.
fn code((status, answer): &Answer) -> (u16, &str) {
    (*status, answer["code"].as_str().unwrap_or_default())
}

/// Asks for 10.50 USD.
fn order(reference: &str) -> String {
    format!(
        r#"{{"amount": "10.50", "currency": "usd", "reference": "{reference}", "success_url": "https://example.com/thank-you"}}"#
    )
}
