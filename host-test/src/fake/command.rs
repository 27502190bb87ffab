//! `fake-stripe` on the command line.

use std::net::SocketAddr;

use clap::{Args, Subcommand};
use tokio::net::TcpListener;

use super::{FakeStripe, Trouble, TroubleKind};
use crate::egress::OriginOverride;

/// The fake provider's command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs the fake Stripe alone, until it is interrupted.
    ///
    /// It accepts any key of the right shape. Words in a key say what it is: one that ends in
    /// `Invalid` is refused as a wrong key and one that ends in `Expired` as an expired one; one
    /// with `SecondAccount` belongs to another account; a restricted key lacks what is named after
    /// `Without` (`rk_test_51WithoutWebhookRefund`: Webhook, Checkout, `PaymentIntent`, Refund,
    /// Charge, Event, each alone or with `Write`); to one with `Secretless` the signing secret of a new
    /// webhook is not said. An account has at most 16 webhooks in a mode, and one that nobody takes
    /// nine deliveries from in a row is disabled.
    ///
    /// Test cards behave as Stripe's: 4242 4242 4242 4242 pays, 4000 0000 0000 0002 is declined,
    /// 4000 0025 0000 3155 asks for authentication, 4000 0000 0000 0259 pays and is then disputed.
    /// Everything is in memory and gone when it stops.
    FakeStripe(FakeStripeArgs),
}

/// How to run it.
#[derive(Args, Debug)]
pub struct FakeStripeArgs {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:12111")]
    listen: SocketAddr,
    /// Where webhooks for a public address are delivered on this machine; may be given twice
    #[arg(long, value_name = "https://PUBLIC=http://127.0.0.1:PORT")]
    deliver_origin: Vec<OriginOverride>,
    /// What goes wrong with every call
    #[arg(long, value_enum)]
    trouble: Option<TroubleKind>,
    /// Deliveries are lost, doubled and overtaken, in a way that this number decides
    #[arg(long, value_name = "SEED")]
    faults: Option<u64>,
}

impl Command {
    /// Where it is to listen.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        let Self::FakeStripe(args) = self;
        args.listen
    }
}

/// Runs it until `stop` is done.
///
/// # Errors
///
/// The address cannot be listened on.
pub async fn run(
    Command::FakeStripe(args): Command,
    started: impl FnOnce(SocketAddr),
    stop: impl Future<Output = ()>,
) -> std::io::Result<()> {
    let listener = TcpListener::bind(args.listen).await?;
    let fake = FakeStripe::start(listener, args.deliver_origin)?;
    fake.set_faults(args.faults);
    fake.set_trouble(args.trouble.map(Trouble::from));
    started(fake.address());
    stop.await;
    Ok(())
}
