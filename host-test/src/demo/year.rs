//! A year in minutes: a shop's payments with a simulated clock, at a fake Stripe that loses, doubles and reorders
//! deliveries. In the end the ledger agrees with the fake Stripe, and the reads of each 30 days are compared with
//! what Stripe allots.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::Args;
use fake_provider::{FakeStripe, set_clock};
use serde_json::json;
use tokio::net::TcpListener;

use super::{Summary, TEST_KEY, ensure, install_options, order, plugin, replaced, start_fake};
use crate::clock::{Clock, now};
use crate::egress::{RequestLimits, client};
use crate::marketplace::{Marketplace, MarketplaceLimits, Options};
use crate::server::{DoorLimits, serve};
use ledger::types::PaymentStatus;

/// The time between two looks of the background.
const STEP: Duration = Duration::from_mins(2);
const STEPS_PER_DAY: u64 = 86_400 / STEP.as_secs();
/// The days over which Stripe's allotment counts.
const ALLOTMENT_DAYS: usize = 30;
/// Reads that Stripe allots to every account in 30 days, and for each transaction. Source: Stripe's documentation,
/// "Rate limits", "Read allocation".
const LEAST_ALLOTMENT: usize = 10_000;
const READS_PER_TRANSACTION: usize = 500;

/// The arguments of `year`.
#[derive(Args, Debug)]
pub struct YearArgs {
    /// How many payments the shop asks for
    #[arg(long, default_value_t = 10_000)]
    payments: u64,
    /// How many days the year has
    #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u64).range(1..=3650))]
    days: u64,
    /// The seed of the customers and of the deliveries
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Plays the year.
///
/// # Errors
///
/// A promise was broken; the error says which.
pub async fn year(args: YearArgs) -> Result<Summary> {
    let began = Instant::now();
    let mut shop = Shop::open(&args).await?;
    let steps = args.days * STEPS_PER_DAY;
    let mut reads = Vec::new();
    for step in 0..steps {
        shop.step().await?;
        // The orders are spread over the year.
        while shop.orders * steps < args.payments * (step + 1) {
            shop.order().await?;
        }
        shop.marketplace.reconcile_once().await;
        if step % STEPS_PER_DAY == STEPS_PER_DAY - 1 {
            reads.push(shop.reads_of_the_day());
        }
    }
    // Two days later every page has ended, and every event is listed.
    shop.fake.set_delivery_disorder(None);
    for _ in 0..2 * STEPS_PER_DAY {
        shop.step().await?;
        shop.marketplace.reconcile_once().await;
    }
    let approved = shop.check().await?;
    let most =
        reads.windows(ALLOTMENT_DAYS.min(reads.len())).map(|days| days.iter().sum::<usize>());
    let most = most.max().unwrap_or(0);
    let transactions = usize::try_from(args.payments * 30 / args.days.max(30)).unwrap_or(0);
    let allotted = LEAST_ALLOTMENT.max(READS_PER_TRANSACTION * transactions);
    ensure(most <= LEAST_ALLOTMENT, format!("{most} reads in 30 days"))?;
    let json = json!({
        "days": args.days,
        "payments": args.payments,
        "approved": approved,
        "reads": reads.iter().sum::<usize>(),
        "most_reads_in_30_days": most,
        "least_allotment": LEAST_ALLOTMENT,
        "allotted_by_transactions": allotted,
        "seconds": began.elapsed().as_secs_f64(),
    });
    let text = format!(
        "{} days, {} payments, {approved} approved once each: the ledger and the fake Stripe agree.\n\
         At most {most} reads in 30 days. Stripe allots {LEAST_ALLOTMENT} to every account, and {allotted} to one with so many payments.",
        args.days, args.payments
    );
    Ok(Summary { json, text })
}

struct Shop {
    fake: FakeStripe,
    marketplace: Arc<Marketplace>,
    clock: Clock,
    customer: reqwest::Client,
    random: fastrand::Rng,
    orders: u64,
    _data: tempfile::TempDir,
}

impl Shop {
    async fn open(args: &YearArgs) -> Result<Self> {
        let clock = Clock::simulated(now());
        set_clock(Some(clock.now()));
        let data = tempfile::tempdir()?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let host = format!("http://{}", listener.local_addr()?);
        let fake = start_fake(vec![replaced("https://chat-payments.jelou.dev", &host)?]).await?;
        let provider = format!("http://{}", fake.address());
        // A year has more requests than an installation may send in a minute, and passes in a few.
        let requests = RequestLimits { requests_per_minute: u32::MAX, ..RequestLimits::default() };
        let options = Options {
            workspace: "year".to_owned(),
            overrides: vec![replaced("https://api.stripe.com", &provider)?],
            clock: clock.clone(),
            limits: MarketplaceLimits { requests, ..MarketplaceLimits::default() },
            ..Options::new(data.path())
        };
        let marketplace = Arc::new(Marketplace::open(plugin().await?, &options)?);
        let served = Arc::clone(&marketplace);
        tokio::spawn(serve(listener, served, DoorLimits::default(), std::future::pending()));
        let options = install_options(TEST_KEY);
        marketplace.install(options).await?;
        fake.set_delivery_disorder(Some(args.seed));
        let random = fastrand::Rng::with_seed(args.seed);
        Ok(Self { fake, marketplace, clock, customer: client()?, random, orders: 0, _data: data })
    }

    /// Moves the clocks on. Pages whose time is over expire.
    async fn step(&self) -> Result<()> {
        self.clock.advance(STEP);
        set_clock(Some(self.clock.now()));
        self.fake.expire_overdue(false);
        self.fake.delivered().await;
        Ok(())
    }

    /// A flow asks for a payment. Six of ten customers pay, some of them at the second try; three go away, and one
    /// pays and is given the money back or disputes the payment.
    async fn order(&mut self) -> Result<()> {
        let order = order(format!("order-{}", self.orders), 1050);
        self.orders += 1;
        let view = self.marketplace.pay(order).await?;
        let page = view.stored.checkout_url.context("there is no page")?;
        match self.random.u8(..10) {
            0..4 => self.pay(&page, "4242424242424242").await?,
            4..6 => {
                self.pay(&page, "4000000000000002").await?;
                self.pay(&page, "4242424242424242").await?;
            }
            6 => {
                self.pay(&page, "4242424242424242").await?;
                self.pay_back(&view.stored.reference).await?;
            }
            _ => {}
        }
        Ok(())
    }

    async fn pay(&self, page: &str, card: &str) -> Result<()> {
        let post = self.customer.post(page);
        let post = post.header("content-type", "application/x-www-form-urlencoded");
        post.body(format!("card={card}")).send().await?;
        self.fake.delivered().await;
        Ok(())
    }

    /// The merchant gives a part back, or the customer disputes the payment, in Stripe's own Dashboard.
    async fn pay_back(&mut self, reference: &str) -> Result<()> {
        let payment = self.marketplace.payment(reference).await?.stored;
        let intent = payment.remote_id.context("it has no id")?;
        if self.random.bool() {
            self.fake.dispute(false, &intent);
            self.fake.close_dispute(false, &intent, "won");
            return Ok(());
        }
        let url = format!("http://{}/v1/refunds", self.fake.address());
        let form = format!("payment_intent={intent}&amount=50");
        self.customer.post(url).bearer_auth(TEST_KEY).body(form).send().await?;
        Ok(())
    }

    /// How many reads the fake Stripe has got since the last call.
    fn reads_of_the_day(&self) -> usize {
        let requests = self.fake.requests();
        self.fake.forget_requests();
        requests.iter().filter(|request| request.starts_with("GET ")).count()
    }

    /// Checks that every payment agrees with the fake Stripe. Returns how many were approved.
    async fn check(&self) -> Result<usize> {
        let mut approved = 0;
        for number in 0..self.orders {
            let reference = format!("order-{number}");
            let (_, history) = self.marketplace.payment_history(&reference).await?;
            let known = history.payment;
            let truth = self.marketplace.payment(&reference).await?.provider;
            let truth = truth.context("the fake Stripe did not answer")?;
            ensure(
                known.status == truth.status.into()
                    && ledger::is_final(known.status)
                    && known.refunded.unwrap_or(0) == truth.refunded.unwrap_or(0)
                    && !known.needs_refetch,
                format!("{reference} is {} here", known.status.as_str()),
            )?;
            approved += usize::from(known.status == PaymentStatus::Approved);
        }
        ensure(self.marketplace.attention().await?.is_empty(), "something needs a person")?;
        Ok(approved)
    }
}
