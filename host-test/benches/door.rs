//! What a flood costs, while genuine deliveries come: 1,000 idle and 300 half-sent connections, 100 slow bodies, and 5,000
//! forged deliveries a second. Three quarters of these are from 49 senders that keep their connections; the others are
//! each from a new address, on a new connection and for an installation that does not exist. Every genuine delivery has to
//! be answered with 200.
//! `cargo bench -p host-test --bench door -- 10` lasts ten seconds. Linux only: it binds to many loopback addresses.

// A benchmark that panics has failed.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::use_debug,
    missing_docs
)]

mod support;

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fake_provider::{FakeStripe, signature};
use host_test::bundled;
use host_test::contract::types::{CaptureMethod, Money};
use host_test::egress::{Credentials, client};
use host_test::marketplace::{InstallOptions, Marketplace, Options, PaymentOrder};
use host_test::plugin::{Compiler, Plugin};
use host_test::server::open_files;
use secrecy::SecretString;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use uuid::Uuid;

use support::{Bench, peak_memory};

const HOST_TEST: &str = env!("CARGO_BIN_EXE_host-test");
const KEY: &str = "sk_test_51TestTestTestTest";
const SECRET: &str = "whsec_madeByHand";
/// The last byte of the loopback addresses of the flood.
const SENDERS: std::ops::RangeInclusive<u8> = 2..=50;
const CONNECTIONS_OF_SENDER: u32 = 4;
const FORGED_PER_SECOND: u32 = 5000;
const GENUINE_PER_SECOND: u32 = 20;
const IDLE: usize = 1000;
const HALF_SENT: usize = 300;
const SLOW_BODIES: u8 = 100;

type Answers = BTreeMap<String, usize>;

fn main() -> ExitCode {
    let seconds = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(5);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(flood(Duration::from_secs(seconds)))
}

async fn flood(time: Duration) -> ExitCode {
    assert!(open_files::raise().is_none_or(|files| files > 2000), "2,000 files are needed");
    let data = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let fake = FakeStripe::start(listener, client().unwrap(), Box::new(|_| None)).unwrap();
    let provider = format!("http://{}", fake.address());
    let (path, sample) = merchant(data.path(), &provider, &fake).await;
    let (process, address) = serve(data.path(), &provider).await;

    let mut crowd = Vec::new();
    for (number, sender) in (0..IDLE + HALF_SENT).zip(SENDERS.cycle()) {
        let mut stream = connect(loopback(sender), address).await.unwrap();
        if number < HALF_SENT {
            stream.write_all(b"POST /link-webhook HTTP/1.1\r\nhost: x\r\n").await.unwrap();
        }
        crowd.push(stream);
    }
    let mut slow = JoinSet::new();
    for number in 1..=SLOW_BODIES {
        slow.spawn(send_slowly(Ipv4Addr::new(127, 0, 1, number), address));
    }
    let until = Instant::now() + time;
    let mut forgers = JoinSet::new();
    let streams = u32::try_from(SENDERS.count()).unwrap() * CONNECTIONS_OF_SENDER;
    let period = Duration::from_secs(1) * streams / FORGED_PER_SECOND;
    for sender in SENDERS {
        for number in 0..CONNECTIONS_OF_SENDER {
            let payment = sample["data"]["object"]["id"].as_str().unwrap();
            let body = sample.to_string().replace(payment, "pi_forged");
            let signature = format!("t={},v1={:064}", now(), 0);
            if number == 3 {
                let request = move || {
                    let path = format!("?provider=STRIPE&installation={}", Uuid::new_v4());
                    post(&path, &signature, &body, "close")
                };
                forgers.spawn(forge(None, address, request, period, until));
                continue;
            }
            // Some of them at the URL that all merchants share.
            let path = if number % 2 == 0 { &path } else { "?provider=STRIPE" };
            let request = post(path, &signature, &body, "keep-alive");
            let request = move || request.clone();
            forgers.spawn(forge(Some(loopback(sender)), address, request, period, until));
        }
    }
    let (genuine, mut times) = deliver(address, &path, &sample, until).await;
    let mut forged = Answers::new();
    for (answer, number) in forgers.join_all().await.into_iter().flatten() {
        *forged.entry(answer).or_default() += number;
    }
    let sent: usize = forged.values().sum();
    println!("forged a second: {}", sent / usize::try_from(time.as_secs()).unwrap());
    println!("answers to them: {forged:?}");
    times.sort();
    let at = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)];
    println!("genuine: {genuine:?}, p50 {:.1?}, p99 {:.1?}", at(50), at(99));
    println!("peak memory of serve: {} MiB", peak_memory(&process).unwrap_or_default());
    let are_all_taken = genuine.keys().all(|status| status == "200");
    drop(crowd);
    if are_all_taken { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A merchant with a payment. Returns the query of its own URL, and an event of the payment.
async fn merchant(data: &Path, provider: &str, fake: &FakeStripe) -> (String, serde_json::Value) {
    let plugin = Plugin::load(bundled::COMPONENT, &Compiler::new(HOST_TEST.into())).await.unwrap();
    let options = Options {
        overrides: vec![format!("https://api.stripe.com={provider}").parse().unwrap()],
        ..Options::new(data)
    };
    let marketplace = Marketplace::open(plugin, &options).unwrap();
    let given = [("api-key", KEY), ("webhook-secret", SECRET)];
    let given = given.map(|(name, value)| (name.to_owned(), SecretString::from(value)));
    let install = InstallOptions {
        credentials: Credentials::new(given),
        mode: None,
        webhook_is_manual: Some(true),
        approve_origins: false,
    };
    let url = marketplace.install(install).await.unwrap().installation_url;
    let customer = client().unwrap();
    let endpoint = customer.post(format!("{provider}/v1/webhook_endpoints")).bearer_auth(KEY);
    let endpoint = endpoint.body("url=https://x.example.com&enabled_events[]=*");
    endpoint.send().await.unwrap().error_for_status().unwrap();
    let order = PaymentOrder {
        reference: "order-1".to_owned(),
        amount: Money { minor_units: 1050, currency: "usd".to_owned() },
        description: None,
        success_url: "https://example.com/thank-you".to_owned(),
        cancel_url: None,
        expires_at: None,
        capture_method: CaptureMethod::Automatic,
    };
    let page = marketplace.pay(order).await.unwrap().stored.checkout_url.unwrap();
    let form = customer.post(page).body("card=4242424242424242");
    let form = form.header("content-type", "application/x-www-form-urlencoded");
    form.send().await.unwrap().error_for_status().unwrap();
    let sample = fake.unsent_delivery(false, "payment_intent.succeeded").unwrap();
    let (_, path) = url.split_once("/link-webhook").unwrap();
    (path.to_owned(), serde_json::from_slice(&sample.body).unwrap())
}

async fn serve(data: &Path, provider: &str) -> (Child, SocketAddr) {
    let mut command = Command::new(HOST_TEST);
    command.args(["serve", "--listen", "127.0.0.1:0", "--json", "--log", "json", "--data-dir"]);
    command.arg(data).args(["--provider-origin", &format!("https://api.stripe.com={provider}")]);
    command.kill_on_drop(true);
    let (process, url) = Bench::started(command).await;
    let address = url.trim_start_matches("http://").split('/').next().unwrap();
    (process, address.parse().unwrap())
}

fn loopback(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 0, last)
}

async fn connect(sender: Ipv4Addr, address: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((sender, 0)))?;
    socket.connect(address).await
}

fn post(path: &str, signature: &str, body: &str, connection: &str) -> Vec<u8> {
    let head = format!(
        "POST /link-webhook{path} HTTP/1.1\r\nhost: x\r\nconnection: {connection}\r\n\
         stripe-signature: {signature}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_str(), body].concat().into_bytes()
}

/// Sends a body as slowly as the server bears it, again and again.
async fn send_slowly(sender: Ipv4Addr, address: SocketAddr) {
    let head =
        b"POST /link-webhook?provider=STRIPE HTTP/1.1\r\nhost: x\r\ncontent-length: 30000\r\n\r\n";
    loop {
        if let Ok(mut stream) = connect(sender, address).await {
            let mut sent = stream.write_all(head).await;
            while sent.is_ok() {
                sleep(Duration::from_millis(500)).await;
                sent = stream.write_all(&[b' '; 512]).await;
            }
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// Posts a forged delivery in each period: of a sender, on one connection as long as the server keeps it, or each of
/// another sender.
async fn forge(
    sender: Option<Ipv4Addr>,
    address: SocketAddr,
    request: impl Fn() -> Vec<u8>,
    period: Duration,
    until: Instant,
) -> Answers {
    let (mut answers, mut stream) = (Answers::new(), None);
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    while Instant::now() < until {
        ticks.tick().await;
        if stream.is_none() {
            let other =
                || Ipv4Addr::new(127, fastrand::u8(1..), fastrand::u8(..), fastrand::u8(1..255));
            stream = connect(sender.unwrap_or_else(other), address).await.ok();
        }
        let Some(open) = &mut stream else { continue };
        let answer = match exchange(open, &request()).await {
            Ok(answer) => {
                if sender.is_none() {
                    stream = None;
                }
                answer
            }
            Err(error) => {
                stream = None;
                error.kind().to_string()
            }
        };
        *answers.entry(answer).or_default() += 1;
    }
    answers
}

/// Sends a request. Returns the answer's status.
async fn exchange(stream: &mut TcpStream, request: &[u8]) -> io::Result<String> {
    stream.write_all(request).await?;
    let (mut answer, mut length) = ([0; 1024], 0);
    // It is one object.
    while !answer[..length].ends_with(b"}") {
        let read = stream.read(&mut answer[length..]).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        length += read;
    }
    Ok(String::from_utf8_lossy(&answer[9..12]).into_owned())
}

/// Posts genuine deliveries, each of an event of its own and on a connection of its own. Returns the answers, and how
/// long each took.
async fn deliver(
    address: SocketAddr,
    path: &str,
    sample: &serde_json::Value,
    until: Instant,
) -> (Answers, Vec<Duration>) {
    let mut ticks = interval(Duration::from_secs(1) / GENUINE_PER_SECOND);
    let mut deliveries = JoinSet::new();
    let mut event = sample.clone();
    while Instant::now() < until {
        ticks.tick().await;
        event["id"] = format!("evt_{}", deliveries.len()).into();
        let body = event.to_string();
        let signature = signature(SECRET, false, body.as_bytes(), now());
        let request = post(path, &signature, &body, "close");
        deliveries.spawn(async move {
            let begun = Instant::now();
            let exchanged =
                async { exchange(&mut connect(loopback(1), address).await?, &request).await };
            let answer = exchanged.await.unwrap_or_else(|error| error.kind().to_string());
            (answer, begun.elapsed())
        });
    }
    let (mut answers, mut times) = (Answers::new(), Vec::new());
    for (answer, time) in deliveries.join_all().await {
        *answers.entry(answer).or_default() += 1;
        times.push(time);
    }
    (answers, times)
}

/// The time in Unix seconds.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}
