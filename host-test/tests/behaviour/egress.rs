//! What leaves the host, and what comes back.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request as HttpRequest, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response as HttpResponse};
use host_test::contract::http::{FailureKind, Request};
use host_test::contract::types::Mode;
use host_test::egress::{Credentials, Egress, OriginOverride, Policy};

use super::host::{gateway, plugin};
use secrecy::SecretString;
use tokio::net::TcpListener;

type Seen = Arc<Mutex<Vec<String>>>;

/// A provider that notes what it was sent.
async fn provider() -> (OriginOverride, Seen) {
    async fn answer(State(seen): State<Seen>, request: HttpRequest) -> HttpResponse {
        let headers: Vec<String> = request
            .headers()
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        seen.lock().unwrap().push(format!("{} {}", request.uri(), headers.join("; ")));
        match request.uri().path() {
            "/redirect" => Redirect::temporary("/elsewhere").into_response(),
            "/echo" => {
                let key = request.headers()["authorization"].clone();
                let text = format!("you sent {}", key.to_str().unwrap());
                ([("x-echo", key)], text).into_response()
            }
            "/large" => vec![b'x'; (4 << 20) + 1].into_response(),
            "/largest" => vec![b'x'; 4 << 20].into_response(),
            _ => StatusCode::NO_CONTENT.into_response(),
        }
    }
    let seen = Seen::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().fallback(answer).with_state(Arc::clone(&seen));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (format!("https://api.stripe.com=http://{address}").parse().unwrap(), seen)
}

async fn egress(overrides: &[OriginOverride]) -> Egress {
    let policy = Policy::new(plugin().await.manifest(), overrides).unwrap();
    let key = ("api-key".to_owned(), SecretString::from("sk_test_theMerchants"));
    gateway(policy).egress("", Mode::Test, Credentials::new([key]))
}

fn get(url: &str) -> Request {
    Request { method: "GET".to_owned(), url: url.to_owned(), headers: Vec::new(), body: Vec::new() }
}

#[tokio::test]
async fn egress_sets_the_key() {
    let (provider, seen) = provider().await;
    let egress = egress(&[provider]).await;
    let mut request = get("https://api.stripe.com/v1/x?y=1");
    for (name, value) in [
        ("Authorization", "Bearer sk_test_thePlugins"),
        ("cookie", "a=b"),
        ("accept-encoding", "gzip"),
        ("range", "bytes=0-10"),
        ("host", "evil.example.com"),
        ("stripe-version", "2026-10-28.endive"),
    ] {
        request.headers.push((name.to_owned(), value.to_owned()));
    }
    assert_eq!(egress.send(request).await.unwrap().status, 204);
    let seen = seen.lock().unwrap();
    let [seen] = seen.as_slice() else { panic!("one request") };
    assert!(seen.starts_with("/v1/x?y=1 "));
    assert!(seen.contains("authorization: Bearer sk_test_theMerchants"));
    assert!(seen.contains("stripe-version: 2026-10-28.endive"));
    for taken_away in ["thePlugins", "cookie", "evil", "accept-encoding", "range"] {
        assert!(!seen.contains(taken_away), "{taken_away}: {seen}");
    }
}

#[tokio::test]
async fn repeated_credential_does_not_come_inside() {
    let (provider, _) = provider().await;
    let egress = egress(&[provider]).await;
    let response = egress.send(get("https://api.stripe.com/echo")).await.unwrap();
    let text = String::from_utf8(response.body).unwrap();
    assert_eq!(text, "you sent Bearer ********************");
    let echo = response.headers.iter().find(|(name, _)| name == "x-echo").unwrap();
    assert_eq!(echo.1, "Bearer ********************");
}

#[tokio::test]
async fn unnamed_origin_is_denied() {
    let (provider, seen) = provider().await;
    let address = provider.to.to_string();
    let egress = egress(&[provider]).await;
    let other_method = Request { method: "OPTIONS".to_owned(), ..get("https://api.stripe.com/") };
    let too_large = Request {
        method: "POST".to_owned(),
        body: vec![b'x'; (256 << 10) + 1],
        ..get("https://api.stripe.com/")
    };
    let broken_header = Request {
        headers: vec![("x".to_owned(), "a\r\nauthorization: b".to_owned())],
        ..get("https://api.stripe.com/")
    };
    for request in [
        get("https://evil.example.com/"),
        get("http://api.stripe.com/"),
        get("https://api.stripe.com:444/"),
        get("https://api.stripe.com.evil.example.com/"),
        get("https://user:password@api.stripe.com/"),
        get("https://api.stripe.com@evil.example.com/"),
        get(&address),
        get("file:///etc/passwd"),
        get("no URL"),
        other_method,
        too_large,
        broken_header,
    ] {
        let url = request.url.clone();
        let failure = egress.send(request).await.unwrap_err();
        assert!(failure.kind == FailureKind::Denied && !failure.request_sent, "{url}");
    }
    let nothing = Egress::none().send(get("https://api.stripe.com/")).await.unwrap_err();
    assert!(nothing.kind == FailureKind::Denied);
    assert!(seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn redirects_sizes_and_numbers_are_bounded() {
    let (provider, seen) = provider().await;
    let egress = egress(&[provider]).await;
    let redirect = egress.send(get("https://api.stripe.com/redirect")).await.unwrap();
    assert_eq!(redirect.status, 307);
    assert_eq!(seen.lock().unwrap().len(), 1);
    let largest = egress.send(get("https://api.stripe.com/largest")).await.unwrap();
    assert_eq!(largest.body.len(), 4 << 20);
    let failure = egress.send(get("https://api.stripe.com/large")).await.unwrap_err();
    assert!(failure.kind == FailureKind::TooLarge && failure.request_sent);
    for _ in 3..128 {
        egress.send(get("https://api.stripe.com/")).await.unwrap();
    }
    let failure = egress.send(get("https://api.stripe.com/")).await.unwrap_err();
    assert!(failure.kind == FailureKind::LimitReached && !failure.request_sent);
    assert_eq!(seen.lock().unwrap().len(), 128);
}
