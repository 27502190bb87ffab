//! Which addresses connections are made to, on real sockets, with names that mean what a test wants.
//!
//! Every address here means this machine, so that nothing leaves it even if the code is wrong: `0.0.0.0` is no loopback
//! address, and a connection to it stays here all the same.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use secrecy::SecretString;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::*;
use crate::contract::types::{
    Authorization as How, ClientAuthentication, CredentialField, CredentialRole, Manifest, Oauth,
    Origin,
};

/// A listener on this machine that counts connections, until it is asked for their number.
struct Listener {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    connections: tokio::task::JoinHandle<usize>,
}

impl Listener {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, mut stopped) = oneshot::channel();
        let connections = tokio::spawn(async move {
            let mut number = 0;
            loop {
                tokio::select! {
                    // What has connected before the end is counted.
                    biased;
                    _ = listener.accept() => number += 1,
                    _ = &mut stopped => return number,
                }
            }
        });
        Self { address, stop, connections }
    }

    async fn connections(self) -> usize {
        self.stop.send(()).unwrap();
        self.connections.await.unwrap()
    }
}

fn manifest(origins: Vec<Origin>) -> Manifest {
    let field = |name: &str| CredentialField {
        name: name.to_owned(),
        label: String::new(),
        help: String::new(),
        required: true,
        secret: true,
        role: CredentialRole::Authorization,
        rules: Vec::new(),
    };
    Manifest { credentials: vec![field("id"), field("secret")], origins, ..Manifest::empty() }
}

fn origin(url: String, authorization: How) -> Origin {
    Origin { url, mode: None, authorization }
}

fn get(url: String) -> Request {
    Request { method: "GET".to_owned(), url, headers: Vec::new(), body: Vec::new() }
}

fn egress(manifest: &Manifest, overrides: &[OriginOverride], clients: Clients) -> Egress {
    let policy = Policy::new(manifest, overrides).unwrap();
    let telemetry = Arc::new(Telemetry::new("P"));
    let given = ["id", "secret"].map(|name| (name.to_owned(), SecretString::from("credential")));
    let gateway = Gateway::new(clients, policy, RequestLimits::default(), telemetry);
    gateway.egress(Owner::new("P", "i-1"), Mode::Test, Credentials::new(given))
}

/// Clients for which every name has these addresses.
fn meaning(addresses: &[&str]) -> Clients {
    let addresses: Vec<SocketAddr> =
        addresses.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 0)).collect();
    Clients::resolving(move |_| std::future::ready(Ok(addresses.clone()))).unwrap()
}

#[tokio::test]
async fn name_with_a_private_address_is_denied() {
    for addresses in
        [["127.0.0.1"].as_slice(), &["::ffff:127.0.0.1"], &["0.0.0.0", "127.0.0.1", "::1", "::"]]
    {
        let listener = Listener::start().await;
        let port = listener.address.port();
        let url = format!("https://api.shop.example:{port}");
        let tokens = Oauth {
            token_url: format!("https://login.shop.example:{port}/token"),
            client_id: "id".to_owned(),
            client_secret: "secret".to_owned(),
            client_authentication: ClientAuthentication::Body,
            scope: None,
        };
        for how in [How::None, How::ClientCredentials(tokens)] {
            let manifest = manifest(vec![origin(url.clone(), how)]);
            let egress = egress(&manifest, &[], meaning(addresses));
            let failure = egress.send(get(format!("{url}/x"))).await.unwrap_err();
            assert_eq!((failure.kind, failure.request_sent), (FailureKind::Denied, false));
            assert!(failure.message.contains("no public address"), "{}", failure.message);
            let telemetry = &egress.inner.as_ref().unwrap().gateway.telemetry;
            let denied = r#"security_events_total{provider="P",event="denied"} 1"#;
            assert!(telemetry.text().contains(denied), "{}", telemetry.text());
        }
        assert_eq!(listener.connections().await, 0, "{addresses:?}");
    }
}

#[tokio::test]
async fn address_is_called_only_where_it_stands_in() {
    let listener = Listener::start().await;
    let clients = meaning(&["127.0.0.1"]);
    let url = format!("http://{}", listener.address);
    let request = || reqwest::Request::new(Method::GET, url.parse().unwrap());
    let failure = clients.execute(request(), false).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Denied);
    assert_eq!(listener.connections().await, 0);
    // What stands in must be on this machine, also if its name has come to mean another one.
    let listener = Listener::start().await;
    let url = format!("http://localhost:{}", listener.address.port()).parse().unwrap();
    let request = reqwest::Request::new(Method::GET, url);
    let failure = meaning(&["0.0.0.0"]).execute(request, true).await.unwrap_err();
    assert_eq!((failure.kind, failure.request_sent), (FailureKind::Denied, false));
    assert_eq!(listener.connections().await, 0);
}

#[tokio::test]
async fn each_connection_is_resolved_and_judged_anew() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://localhost:{}", listener.local_addr().unwrap().port());
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    // The second time the name means another address.
    let clients = Clients::resolving(move |_| {
        let ip = if counted.fetch_add(1, Ordering::SeqCst) == 0 { "127.0.0.1" } else { "0.0.0.0" };
        let found: io::Result<_> = Ok(vec![SocketAddr::new(ip.parse().unwrap(), 0)]);
        std::future::ready(found)
    })
    .unwrap();
    let answered = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 1024]).await.unwrap();
        let answer = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
        stream.write_all(answer).await.unwrap();
    });
    let request = || reqwest::Request::new(Method::GET, url.parse().unwrap());
    assert_eq!(clients.execute(request(), true).await.unwrap().status(), 204);
    answered.await.unwrap();
    let failure = clients.execute(request(), true).await.unwrap_err();
    assert_eq!((failure.kind, asked.load(Ordering::SeqCst)), (FailureKind::Denied, 2));
}

/// A stand-in that answers each connection with one of these texts, and notes what it was sent.
async fn stand_in(answers: Vec<String>) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&seen);
    tokio::spawn(async move {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = vec![0; 4096];
            let length = stream.read(&mut head).await.unwrap();
            let text = String::from_utf8_lossy(&head[..length]).into_owned();
            note.lock().unwrap().push(text);
            // It may have read enough.
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (address, seen)
}

fn answer(status: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}")
}

#[tokio::test]
async fn response_with_too_many_headers_is_too_large() {
    let headers = |number: usize| {
        let lines = "x: 1\r\n".repeat(number);
        format!("HTTP/1.1 200 OK\r\n{lines}content-length: 0\r\n\r\n")
    };
    let large = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "1".repeat(1 << 20));
    let (address, _) = stand_in(vec![headers(90), headers(10_000), large]).await;
    let url = "https://api.shop.example".to_owned();
    let stands_in = [format!("{url}=http://{address}").parse().unwrap()];
    let manifest = manifest(vec![origin(url.clone(), How::None)]);
    let egress = egress(&manifest, &stands_in, Clients::new().unwrap());
    assert_eq!(egress.send(get(url.clone())).await.unwrap().headers.len(), 91);
    for _ in 0..2 {
        let failure = egress.send(get(url.clone())).await.unwrap_err();
        assert_eq!((failure.kind, failure.request_sent), (FailureKind::TooLarge, true));
    }
}

#[tokio::test]
async fn refused_token_is_exchanged_anew_once_and_only_if_it_was_stored() {
    let token = |name: &str| answer("200 OK", &format!(r#"{{"access_token":"{name}-token"}}"#));
    let refused = || answer("401 Unauthorized", "");
    let (address, seen) = stand_in(vec![
        // A new token that is refused is not asked for again.
        token("first"),
        refused(),
        // A stored one is, once.
        refused(),
        token("second"),
        refused(),
        // And the next call uses what that one stored.
        answer("200 OK", ""),
    ])
    .await;
    let url = "https://api.shop.example".to_owned();
    let stands_in = [format!("{url}=http://{address}").parse().unwrap()];
    let tokens = Oauth {
        token_url: format!("{url}/token"),
        client_id: "id".to_owned(),
        client_secret: "secret".to_owned(),
        client_authentication: ClientAuthentication::Basic,
        scope: None,
    };
    let manifest = manifest(vec![origin(url.clone(), How::ClientCredentials(tokens))]);
    let egress = egress(&manifest, &stands_in, Clients::new().unwrap());
    for (status, requests) in [(401, 2), (401, 5), (200, 6)] {
        assert_eq!(egress.send(get(format!("{url}/x"))).await.unwrap().status, status);
        assert_eq!(seen.lock().unwrap().len(), requests);
    }
    let with = |token: &str| {
        let seen = seen.lock().unwrap();
        seen.iter().filter(|text| text.contains(&format!("Bearer {token}"))).count()
    };
    assert_eq!((with("first-token"), with("second-token")), (2, 2));
}

#[tokio::test]
async fn first_call_on_the_network_is_told() {
    static TOLD: Mutex<Vec<String>> = Mutex::new(Vec::new());
    fn tell(origin: &str) {
        TOLD.lock().unwrap().push(origin.to_owned());
    }
    let listener = Listener::start().await;
    let (real, stood_in) = ("https://api.real.example:8443", "https://api.fake.example");
    let origins = [real, stood_in].map(|url| origin(url.to_owned(), How::None)).to_vec();
    let stand_in = format!("{stood_in}=http://{}", listener.address).parse().unwrap();
    // No address of the name is public: the request is denied after that.
    let egress = egress(&manifest(origins), &[stand_in], meaning(&["127.0.0.1"]).warning(tell));
    for _ in 0..2 {
        assert!(egress.send(get(format!("{real}/x?secret=1"))).await.is_err());
    }
    assert_eq!(*TOLD.lock().unwrap(), [real]);
    let unanswered = egress.until(Instant::now() + Duration::from_millis(50));
    assert!(unanswered.send(get(format!("{stood_in}/x"))).await.is_err());
    assert_eq!(*TOLD.lock().unwrap(), [real]);
}
