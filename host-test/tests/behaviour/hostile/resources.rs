//! A component that uses all it can get: what spins, waits or takes memory holds up no other installation.

use std::sync::Arc;
use std::time::Duration;

use host_test::contract::types::WebhookRequest;
use host_test::egress::RequestLimits;
use host_test::marketplace::{
    Connection, DeliveryOutcome, DeliveryTarget, Marketplace, MarketplaceLimits, Options,
    UnverifiedLimits, WorkLimits,
};
use host_test::resources::Resources;
use host_test::sender::Sender;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{World, load, options};

const ORIGIN: &str = "https://api.hostile.example";
/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(25);

/// A provider whose every answer has so many bytes. None: it never answers.
async fn provider(answer: Option<usize>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut open = JoinSet::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            open.spawn(async move {
                let mut head = [0; 1024];
                while let Ok(1..) = stream.read(&mut head).await {
                    let Some(length) = answer else { continue };
                    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
                    let _ = stream.write_all(head.as_bytes()).await;
                    let _ = stream.write_all(&vec![b'x'; length]).await;
                }
            });
        }
    });
    format!("http://{address}")
}

/// The quotas of deliveries that are not verified would end most of the calls at once.
fn without_quotas() -> MarketplaceLimits {
    let unverified = UnverifiedLimits {
        hints_per_sender: u32::MAX,
        hints_per_installation: u32::MAX,
        ..UnverifiedLimits::default()
    };
    MarketplaceLimits { unverified, ..MarketplaceLimits::default() }
}

/// Two workspaces of one host with the same component.
struct Two {
    _data: tempfile::TempDir,
    greedy: Arc<Installed>,
    honest: Arc<Installed>,
}

struct Installed {
    marketplace: Marketplace,
    connection: Connection,
}

impl Two {
    async fn start(provider: &str, limits: MarketplaceLimits) -> Self {
        let data = tempfile::tempdir().unwrap();
        let script = format!("origin={ORIGIN}\n");
        let installed = async |workspace: &str| {
            let options_of = Options {
                workspace: workspace.to_owned(),
                overrides: vec![format!("{ORIGIN}={provider}").parse().unwrap()],
                limits,
                ..Options::new(data.path())
            };
            let marketplace = Marketplace::open(load(&script).await.unwrap(), &options_of).unwrap();
            let connection = marketplace.install(options(true)).await.unwrap();
            Arc::new(Installed { marketplace, connection })
        };
        let greedy = installed("greedy").await;
        let honest = installed("honest").await;
        Self { _data: data, greedy, honest }
    }

    /// Lets the greedy one do something many times at once.
    fn overload(&self, deed: &str, times: usize) -> JoinSet<DeliveryOutcome> {
        let mut calls = JoinSet::new();
        for number in 0..times {
            let greedy = Arc::clone(&self.greedy);
            let body = format!("attack do={deed}.{number}");
            calls.spawn(async move { greedy.deliver(&body).await });
        }
        calls
    }
}

impl Installed {
    /// A delivery to the installation's own URL.
    async fn deliver(&self, body: &str) -> DeliveryOutcome {
        let query = self.connection.installation_url.split_once('?').unwrap().1;
        let request = WebhookRequest {
            headers: Vec::new(),
            query: query.to_owned(),
            body: body.as_bytes().to_vec(),
        };
        let target = DeliveryTarget::parse(query);
        self.marketplace.deliver(1_900_000_000, &target, Sender::default(), request).await
    }
}

fn said(outcome: &DeliveryOutcome) -> (&str, &str) {
    let reason = outcome.reason();
    reason.map_or(("", ""), |reason| (reason.code.as_str(), reason.message.as_str()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_spins_or_waits_holds_up_no_other() {
    for deed in ["spin", "wait"] {
        let two = Two::start(&provider(None).await, without_quotas()).await;
        let mut calls = two.overload(deed, 100);
        // It has as many places as it can get.
        let is_full = async {
            while Resources::shared().places.in_use().waiting == 0 {
                if let Some(ended) = calls.try_join_next() {
                    panic!("{deed}: a greedy call has ended: {ended:?}");
                }
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, is_full).await.unwrap();
        for number in 0..10 {
            let body = format!("order-{number}.attempt");
            let delivered = timeout(PATIENCE, two.honest.deliver(&body)).await;
            assert!(matches!(delivered, Ok(DeliveryOutcome::Accepted)), "{deed}: {delivered:?}");
        }
        assert!(calls.try_join_next().is_none(), "{deed}: a greedy call has ended before");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn call_holds_a_bounded_number_of_bytes() {
    let requests = RequestLimits { call_bytes: 3, ..RequestLimits::default() };
    let limits = MarketplaceLimits { requests, ..without_quotas() };
    let two = Two::start(&provider(Some(1 << 20)).await, limits).await;
    let mut calls = two.overload("send-all", 1);
    let outcome = timeout(PATIENCE, calls.join_next()).await.unwrap().unwrap().unwrap();
    let (code, message) = said(&outcome);
    let expected = "128 answers, largest 1048576, 126 failures: the host's limit `call-bytes`";
    assert!(code == "done" && message.contains(expected), "{message}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_is_reserved_before_it_is_used() {
    let two = Two::start(&provider(None).await, without_quotas()).await;
    let mut calls = two.overload("hog", 8);
    // One holds its memory and waits. For the others there is not enough. On a busy machine one may use up its second of
    // computing before it asks for more.
    let mut ended = Vec::new();
    let is_bounded = async {
        while let Some(outcome) = calls.join_next().await {
            ended.push(outcome.unwrap());
            if ended.last().is_some_and(|outcome| said(outcome).0 == "host-limit-reached") {
                return;
            }
        }
    };
    timeout(PATIENCE, is_bounded).await.unwrap();
    let bounded = ended.last().map(said).unwrap();
    assert!(bounded.0 == "host-limit-reached" && bounded.1.contains("`memory`"), "{ended:?}");
    let delivered = two.honest.deliver("order.attempt").await;
    assert_eq!(delivered, DeliveryOutcome::Accepted);
}

#[tokio::test]
async fn list_of_events_ends() {
    let round = async |script: &str, work: WorkLimits| {
        let (world, _) = World::installed(script).await;
        world.pay("order-1").await.unwrap();
        let options = Options {
            limits: MarketplaceLimits { work, ..MarketplaceLimits::default() },
            ..Options::new(world.data.path())
        };
        let marketplace = Marketplace::open(load(script).await.unwrap(), &options).unwrap();
        let summary = marketplace.reconcile_once().await;
        let code = summary.failures.first().map(|failure| failure.problem.code.clone());
        (summary.listed, code)
    };
    let work = WorkLimits::default();
    let code = |code: &str| Some(code.to_owned());
    let many = WorkLimits { pages_per_round: 100, rows_per_round: 100_000, ..work };
    // It comes back to a cursor of before after seven pages. That is seen within twice as many.
    assert_eq!(round("events=circle", many).await, (1400, code("plugin-cursor-repeated")));
    let few = WorkLimits { pages_per_listing: 3, ..many };
    assert_eq!(round("events=endless", few).await, (300, code("plugin-listing-endless")));
    let rows = WorkLimits { rows_per_round: 250, ..many };
    assert_eq!(round("events=endless", rows).await, (300, None));
    let pages = WorkLimits { pages_per_round: 2, ..many };
    assert_eq!(round("events=endless", pages).await, (200, None));
    assert_eq!(round("events=endless\nper-page=101", work).await, (0, code("answer-refused")));
}
