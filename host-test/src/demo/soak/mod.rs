//! The soak: signed deliveries are posted to a host that is killed repeatedly, while commands that pay, cancel,
//! refund and uninstall are killed as well. The fake Stripe fails one time in ten with 429 or 500, and the key of
//! one workspace loses a permission. Every delivery that was answered with 200 must be in the ledger once. In the
//! end the ledger and the fake Stripe must agree on every payment of both workspaces, and what needs a person must
//! be in the attention list.

mod aftermath;
mod check;
mod operator;
mod sender;

use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::Args;
use fake_provider::{FakeStripe, Unreliable};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use super::{Summary, TEST_KEY, ensure, install_options, order, plugin, replaced, start_fake};
use crate::clock::Clock;
use crate::egress::client;
use crate::marketplace::{ErrorKind, Marketplace, Options};
use operator::Operator;
use sender::{Shared, post};

/// How many tasks post at the same time.
const SENDERS: usize = 8;
/// The events of a payment: two declines, one authentication, and the final one.
const EVENTS_PER_PAYMENT: usize = 4;
/// The workspaces that stay.
const WORKSPACES: [&str; 2] = ["default", "second"];
/// The workspace that is uninstalled in the middle.
const LEAVING: &str = "leaving";
/// How many payments of each kind the operator has in each workspace.
const OPERATIONS: usize = 3;

/// One of so many requests fails.
const ONE_IN: u32 = 10;
/// The key of the second workspace, which loses the permission to list events.
const RESTRICTED_KEY: &str = "rk_test_51DemoDemoDemoDemoDemo";

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

/// Runs the soak.
///
/// # Errors
///
/// A promise was broken; the error says which.
pub async fn soak(args: SoakArgs) -> Result<Summary> {
    let began = Instant::now();
    let data = tempfile::tempdir()?;
    let fake = start_fake(Vec::new()).await?;
    let provider = format!("http://{}", fake.address());
    let payments = args.deliveries.div_ceil(EVENTS_PER_PAYMENT * WORKSPACES.len());
    let mut marketplaces = Vec::new();
    for workspace in WORKSPACES {
        let marketplace = open(data.path(), &provider, workspace).await?;
        create_and_pay(&marketplace, payments).await?;
        prepare_operations(&marketplace).await?;
        aftermath::prepare(&marketplace).await?;
        marketplaces.push(marketplace);
    }
    let leaving = open(data.path(), &provider, LEAVING).await?;
    prepare_operations(&leaving).await?;
    fake.set_unreliable(Some(Unreliable { seed: args.seed, one_in: ONE_IN }));
    fake.set_lost_permission(Some("Event"));

    let (host_sender, host) = watch::channel(None);
    let (over_sender, is_over) = watch::channel(false);
    let mut random = fastrand::Rng::with_seed(args.seed);
    let shared = Arc::new(Shared {
        deliveries: Mutex::default(),
        random: Mutex::new(random.fork()),
        host,
        is_over,
        progress: Mutex::default(),
    });
    shared.add_deliveries(&fake, &marketplaces).await?;
    ensure(shared.number_of_deliveries() >= args.deliveries, "there are too few events")?;
    let posters: Vec<_> = (0..SENDERS).map(|_| tokio::spawn(post(Arc::clone(&shared)))).collect();
    let mut operator =
        Operator { data: data.path(), provider: &provider, random: random.fork(), kills: 0 };
    let kills = kill_repeatedly(&args, data.path(), &provider, &host_sender, &mut random);
    let operate = operate(&mut operator, &fake, &marketplaces, &shared);
    let (process, operated) = tokio::join!(kills, operate);
    operated?;
    let mut process = process?;
    over_sender.send_replace(true);
    for poster in posters {
        poster.await??;
    }
    process.kill().await?;
    let waited = aftermath::settle(&fake, data.path(), &provider).await?;

    fake.set_unreliable(None);
    let mut found = 0;
    for marketplace in &marketplaces {
        found += marketplace.reconcile(|_| ()).await?.new;
    }
    let checked = check::check(&marketplaces, &leaving, &shared, &fake, payments).await?;
    let progress = shared.progress.lock().unwrap_or_else(PoisonError::into_inner);
    let json = json!({
        "kills": args.kills,
        "killed_commands": operator.kills,
        "deliveries": shared.number_of_deliveries(),
        "posts": progress.posts,
        "answers": progress.answers,
        "unanswered": progress.unanswered,
        "acknowledged": progress.acknowledged.len(),
        "payments": checked.payments,
        "approved": checked.approved,
        "paid_late": checked.paid_late,
        "refunds": checked.refunds,
        "found_by_reconciling": found,
        "misfits": checked.misfits,
        "disputes": checked.disputes,
        "longest_wait_seconds": waited.as_secs(),
        "seconds": began.elapsed().as_secs_f64(),
    });
    let text = format!(
        "{} posts of {} deliveries while the host was killed {} times and {} commands were: {} without an answer.\n\
         Every one of the {} that were answered with 200 is in the ledger, once.\n\
         {} payments, {} of them approved once each, {} paid late and flagged, {} refunds made once: the ledger and the fake Stripe agree.\n\
         The fake Stripe failed one time in {ONE_IN}. {} misfits and {} disputes are in the attention list. The longest that a healthy payment waited, its deliveries lost: {}.",
        progress.posts,
        shared.number_of_deliveries(),
        args.kills,
        operator.kills,
        progress.unanswered,
        progress.acknowledged.len(),
        checked.payments,
        checked.approved,
        checked.paid_late,
        checked.refunds,
        checked.misfits,
        checked.disputes,
        humantime::format_duration(waited),
    );
    Ok(Summary { json, text })
}

/// Kills the host repeatedly, and returns the last one.
async fn kill_repeatedly(
    args: &SoakArgs,
    data: &Path,
    provider: &str,
    host: &watch::Sender<Option<String>>,
    random: &mut fastrand::Rng,
) -> Result<Child> {
    let mut process = serve(data, provider, host).await?;
    for _ in 0..args.kills {
        tokio::time::sleep(Duration::from_millis(random.u64(20..200))).await;
        // SIGKILL: the host cannot clean up.
        process.kill().await?;
        host.send_replace(None);
        process = serve(data, provider, host).await?;
    }
    Ok(process)
}

async fn open(data: &Path, provider: &str, workspace: &str) -> Result<Marketplace> {
    let marketplace = open_with(data, provider, workspace, Clock::default()).await?;
    let key = if workspace == WORKSPACES[1] { RESTRICTED_KEY } else { TEST_KEY };
    let options = install_options(key);
    marketplace.install(options).await?;
    Ok(marketplace)
}

async fn open_with(
    data: &Path,
    provider: &str,
    workspace: &str,
    clock: Clock,
) -> Result<Marketplace> {
    let options = Options {
        workspace: workspace.to_owned(),
        overrides: vec![replaced("https://api.stripe.com", provider)?],
        clock,
        ..Options::new(data)
    };
    Ok(Marketplace::open(plugin().await?, &options)?)
}

/// Asks for a payment until there is one, and returns its page.
async fn ask(marketplace: &Marketplace, reference: String) -> Result<String> {
    let request = order(reference, 1050);
    loop {
        match marketplace.pay(request.clone()).await {
            Ok(view) => return view.stored.checkout_url.context("there is no page to pay on"),
            Err(error) if error.kind() == ErrorKind::Temporary => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// A customer sends a form on a page.
async fn act(page: &str, form: &'static str) -> Result<()> {
    let post = client()?.post(page).header("content-type", "application/x-www-form-urlencoded");
    post.body(form).send().await?;
    Ok(())
}

/// Creates the payments and acts as their customers. Three of four pay in the end.
async fn create_and_pay(marketplace: &Marketplace, payments: usize) -> Result<()> {
    for payment in 0..payments {
        let page = ask(marketplace, reference("order", payment)).await?;
        act(&page, "card=4000000000000002").await?;
        act(&page, "card=4000000000000002").await?;
        act(&page, "card=4000002500003155").await?;
        let outcome = if payment % 4 == 0 { "outcome=fail" } else { "outcome=succeed" };
        act(&format!("{page}/authenticate"), outcome).await?;
    }
    Ok(())
}

/// Creates the payments that the operator cancels, and those that he refunds.
async fn prepare_operations(marketplace: &Marketplace) -> Result<()> {
    for number in 0..OPERATIONS {
        ask(marketplace, reference("cancel", number)).await?;
        ask(marketplace, reference("late", number)).await?;
        let page = ask(marketplace, reference("refund", number)).await?;
        act(&page, "card=4242424242424242").await?;
    }
    Ok(())
}

/// What the operator does while the host is killed.
async fn operate(
    operator: &mut Operator<'_>,
    fake: &FakeStripe,
    marketplaces: &[Marketplace],
    shared: &Shared,
) -> Result<()> {
    for number in 0..OPERATIONS {
        for (workspace, marketplace) in WORKSPACES.iter().zip(marketplaces) {
            operator.must(workspace, &["cancel", &reference("cancel", number)]).await?;
            operator.pay_twice(workspace, &reference("new", number)).await?;
            let refunded = reference("refund", number);
            let refund = ["refund", &refunded, "--reference", "r1", "--amount", "0.50"];
            operator.must(workspace, &refund).await?;
            operator.must(workspace, &refund).await?;
            // The customer pays a canceled page, and the one that has replaced it.
            let late = reference("late", number);
            let first = ask(marketplace, late.clone()).await?;
            operator.must(workspace, &["cancel", &late]).await?;
            let second = ask(marketplace, late.clone()).await?;
            fake.revive_session(false, first.rsplit('/').next().unwrap_or_default());
            act(&first, "card=4242424242424242").await?;
            act(&second, "card=4242424242424242").await?;
        }
        shared.add_deliveries(fake, marketplaces).await?;
        if number == 0 {
            let (code, printed) = operator.run(LEAVING, &["uninstall"]).await?;
            // A try that was killed may have finished it.
            let is_done = code == 0 || printed.contains("not-installed");
            ensure(is_done, format!("uninstall: {code} {printed}"))?;
        }
    }
    Ok(())
}

fn reference(kind: &str, number: usize) -> String {
    format!("{kind}-{number}")
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
