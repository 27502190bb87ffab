//! The soak: signed deliveries are posted to a host that is killed repeatedly. Every delivery that was answered
//! with 200 must be in the ledger once, and in the end the ledger and the fake Stripe must agree.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::Args;
use fake_provider::UnsentDelivery;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use super::{Summary, TEST_KEY, ensure, replaced, start_fake};
use crate::bundled;
use crate::contract::types::{CaptureMethod, Money};
use crate::egress::{Credentials, client};
use crate::marketplace::{InstallOptions, Marketplace, Options, PaymentOrder};
use crate::plugin::Plugin;
use ledger::HistoryEntry;

/// How many tasks post at the same time.
const SENDERS: usize = 8;
/// The events of a payment: two declines, one authentication, and the final one.
const EVENTS_PER_PAYMENT: usize = 4;

/// The arguments of `soak`.
#[derive(Args, Debug)]
pub struct SoakArgs {
    /// How often the host is killed
    #[arg(long, default_value_t = 30)]
    kills: u32,
    /// The least number of different deliveries
    #[arg(long, default_value_t = 1000)]
    deliveries: usize,
    /// The seed of the random times and orders
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// The state that the senders share.
struct Shared {
    deliveries: Vec<UnsentDelivery>,
    random: Mutex<fastrand::Rng>,
    /// The host's origin. None: it is being restarted.
    host: watch::Receiver<Option<String>>,
    /// Whether no more kill follows.
    kills_are_over: watch::Receiver<bool>,
    progress: Mutex<Progress>,
}

#[derive(Default)]
struct Progress {
    acknowledged: HashSet<usize>,
    posts: usize,
    answers: BTreeMap<u16, usize>,
    unanswered: usize,
}

/// Posts deliveries to a host that is killed repeatedly, and checks the ledger afterwards.
///
/// # Errors
///
/// A promise was broken; the error says which.
pub async fn soak(args: SoakArgs) -> Result<Summary> {
    let began = Instant::now();
    let data = tempfile::tempdir()?;
    let fake = start_fake(Vec::new()).await?;
    let provider = format!("http://{}", fake.address());
    let marketplace = open(data.path(), &provider).await?;
    let payments = args.deliveries.div_ceil(EVENTS_PER_PAYMENT);
    create_and_pay(&marketplace, payments).await?;
    let deliveries = fake.unsent_deliveries(false);
    ensure(deliveries.len() >= args.deliveries, "there are too few events")?;

    let (host_sender, host) = watch::channel(None);
    let (kills_sender, kills_are_over) = watch::channel(false);
    let mut random = fastrand::Rng::with_seed(args.seed);
    let shared = Arc::new(Shared {
        deliveries,
        random: Mutex::new(random.fork()),
        host,
        kills_are_over,
        progress: Mutex::default(),
    });
    let posters: Vec<_> = (0..SENDERS).map(|_| tokio::spawn(post(Arc::clone(&shared)))).collect();
    let mut process = serve(data.path(), &provider, &host_sender).await?;
    for _ in 0..args.kills {
        tokio::time::sleep(Duration::from_millis(random.u64(20..200))).await;
        // SIGKILL: the host cannot clean up.
        process.kill().await?;
        host_sender.send_replace(None);
        process = serve(data.path(), &provider, &host_sender).await?;
    }
    kills_sender.send_replace(true);
    for poster in posters {
        poster.await??;
    }
    process.kill().await?;

    let found = marketplace.reconcile(|_| ()).await?;
    let checked = check(&marketplace, &shared, payments).await?;
    let progress = shared.progress.lock().unwrap_or_else(PoisonError::into_inner);
    let json = json!({
        "kills": args.kills,
        "deliveries": shared.deliveries.len(),
        "posts": progress.posts,
        "answers": progress.answers,
        "unanswered": progress.unanswered,
        "acknowledged": progress.acknowledged.len(),
        "payments": payments,
        "approved": checked,
        "found_by_reconciling": found.new,
        "seconds": began.elapsed().as_secs_f64(),
    });
    let text = format!(
        "{} posts of {} deliveries while the host was killed {} times: {} without an answer.\n\
         Every one of the {} that were answered with 200 is in the ledger, once.\n\
         {payments} payments, {checked} of them approved, each once: the ledger and the fake Stripe agree.",
        progress.posts,
        shared.deliveries.len(),
        args.kills,
        progress.unanswered,
        progress.acknowledged.len(),
    );
    Ok(Summary { json, text })
}

async fn open(data: &Path, provider: &str) -> Result<Marketplace> {
    let plugin = Plugin::load(bundled::COMPONENT).await?;
    let options = Options {
        data_dir: data,
        workspace: "default".to_owned(),
        overrides: vec![replaced("https://api.stripe.com", provider)?],
        plugin_is_bundled: true,
    };
    let marketplace = Marketplace::open(plugin, &options)?;
    let key = ("api-key".to_owned(), TEST_KEY.to_owned().into());
    let options = InstallOptions {
        credentials: Credentials::new([key]),
        mode: None,
        webhook_is_manual: None,
        approve_origins: false,
    };
    marketplace.install(options).await?;
    Ok(marketplace)
}

/// Creates the payments and acts as their customers. Three of four pay in the end.
async fn create_and_pay(marketplace: &Marketplace, payments: usize) -> Result<()> {
    let customer = client()?;
    for payment in 0..payments {
        let request = PaymentOrder {
            reference: reference(payment),
            amount: Money { minor_units: 1050, currency: "usd".to_owned() },
            description: None,
            success_url: "https://example.com/thank-you".to_owned(),
            cancel_url: None,
            expires_at: None,
            capture_method: CaptureMethod::Automatic,
        };
        let page = marketplace.pay(request).await?.stored.checkout_url;
        let page = page.context("there is no page to pay on")?;
        let act = async |path: &str, form: &'static str| {
            let post = customer.post(format!("{page}{path}"));
            let post = post.header("content-type", "application/x-www-form-urlencoded");
            post.body(form).send().await
        };
        for card in ["4000000000000002", "4000000000000002", "4000002500003155"] {
            let form =
                if card.ends_with('2') { "card=4000000000000002" } else { "card=4000002500003155" };
            act("", form).await?;
        }
        let outcome = if payment % 4 == 0 { "outcome=fail" } else { "outcome=succeed" };
        act("/authenticate", outcome).await?;
    }
    Ok(())
}

fn reference(payment: usize) -> String {
    format!("order-{payment}")
}

/// Starts a host process and publishes its origin.
async fn serve(data: &Path, provider: &str, host: &watch::Sender<Option<String>>) -> Result<Child> {
    let mut process = Command::new(std::env::current_exe()?)
        .args(["serve", "--listen", "127.0.0.1:0", "--json", "--data-dir"])
        .arg(data)
        .args(["--provider-origin", &format!("https://api.stripe.com={provider}")])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let output = process.stdout.take().context("the host has no output")?;
    let line = BufReader::new(output).lines().next_line().await?.unwrap_or_default();
    let printed: Value = serde_json::from_str(&line).unwrap_or_default();
    let url = printed.get("listening").and_then(Value::as_str).unwrap_or_default();
    let (origin, _) = url.split_once("/link-webhook").context("the host did not start")?;
    host.send_replace(Some(origin.to_owned()));
    Ok(process)
}

/// Posts deliveries in random order until each is acknowledged and no more kill follows.
async fn post(shared: Arc<Shared>) -> Result<()> {
    let sender = client()?;
    let (mut host, kills_are_over) = (shared.host.clone(), shared.kills_are_over.clone());
    loop {
        let chosen = {
            let progress = shared.progress.lock().unwrap_or_else(PoisonError::into_inner);
            let mut random = shared.random.lock().unwrap_or_else(PoisonError::into_inner);
            let open: Vec<usize> = (0..shared.deliveries.len())
                .filter(|index| !progress.acknowledged.contains(index))
                .collect();
            if open.is_empty() && *kills_are_over.borrow() {
                return Ok(());
            }
            // One of eight is posted again although it was acknowledged.
            let is_again = open.is_empty() || random.u8(..8) == 0;
            let index = random.usize(..shared.deliveries.len());
            if is_again { index } else { random.choice(&open).copied().unwrap_or(index) }
        };
        let Some(delivery) = shared.deliveries.get(chosen) else { continue };
        let origin = match host.wait_for(Option::is_some).await {
            Ok(origin) => origin.clone().unwrap_or_default(),
            Err(_) => return Ok(()),
        };
        let (_, path) = delivery.url.split_once("/link-webhook").unwrap_or_default();
        let answer = sender
            .post(format!("{origin}/link-webhook{path}"))
            .header("stripe-signature", &delivery.signature)
            .body(delivery.body.clone())
            .send()
            .await;
        let status = answer.ok().map(|answer| answer.status().as_u16());
        let mut progress = shared.progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.posts += 1;
        match status {
            Some(status) => *progress.answers.entry(status).or_default() += 1,
            None => progress.unanswered += 1,
        }
        if status == Some(200) {
            progress.acknowledged.insert(chosen);
        }
        ensure(status != Some(400), "a genuine delivery was refused")?;
    }
}

/// Checks that every acknowledged delivery is in the ledger and that the ledger agrees with the fake
/// Stripe. Returns the number of approved payments.
async fn check(marketplace: &Marketplace, shared: &Shared, payments: usize) -> Result<usize> {
    let mut recorded = HashSet::new();
    let mut approved = 0;
    for payment in 0..payments {
        let reference = reference(payment);
        let (_, history) = marketplace.payment_history(&reference).await?;
        let mut approvals = 0;
        for entry in history.entries {
            match entry {
                HistoryEntry::Event { id, .. } => {
                    ensure(
                        recorded.insert(id),
                        format!("{reference}: an event is recorded twice"),
                    )?;
                }
                HistoryEntry::Transition { output, .. } => {
                    approvals += usize::from(output == "Approved");
                }
            }
        }
        let view = marketplace.payment(&reference).await?;
        let truth = view.provider.map(|provider| provider.status.into());
        ensure(
            Some(history.payment.status) == truth && !history.payment.needs_refetch,
            format!("{reference}: the ledger and the fake Stripe differ"),
        )?;
        let is_paid = history.payment.status.as_str() == "approved";
        ensure(
            approvals == usize::from(is_paid),
            format!("{reference}: the flow received Approved {approvals} times"),
        )?;
        approved += approvals;
    }
    let acknowledged = shared.progress.lock().unwrap_or_else(PoisonError::into_inner);
    for index in &acknowledged.acknowledged {
        let is_there = shared.deliveries.get(*index).is_some_and(|d| recorded.contains(&d.event));
        ensure(is_there, "a delivery that was answered with 200 is not in the ledger")?;
    }
    Ok(approved)
}
