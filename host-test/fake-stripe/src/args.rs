//! The command `fake-stripe`, for the command line of `host-test`.

use std::net::SocketAddr;

use reqwest::Client;
use tokio::net::TcpListener;

use crate::delivery::DeliverTo;
use crate::fake::FakeStripe;
use crate::fault::{Fault, FaultKind, Unreliable};
use crate::trigger::{Report, TriggerArgs, TriggerError};

/// The name of the command.
pub const NAME: &str = "fake-stripe";

/// One line about the command.
pub const ABOUT: &str = "Runs the fake Stripe alone, until it is interrupted";

/// All about the command.
pub const LONG_ABOUT: &str = "\
Runs the fake Stripe alone, until it is interrupted. Any Stripe client can use it: \
host-test/fake-stripe/README.md says how, and what it does not imitate.

It accepts every key of the right form, such as sk_test_123. The text of a key says what it is: one that \
ends in `Invalid` is refused as a wrong key, and one that ends in `Expired` as an expired key; one with \
`SecondAccount` belongs to another account; a restricted key lacks the permissions after `Without` \
(`rk_test_51WithoutWebhookRefund`: Webhook, Checkout, PaymentIntent, Refund, Charge, Event, each alone or \
with `Write`); with one that contains `NotActivated` the account cannot charge; one with `Secretless` does \
not get the signing secret of a new webhook.

Test cards behave as Stripe's: 4242 4242 4242 4242 pays, 4000 0000 0000 0002 is declined, \
4000 0025 0000 3155 asks for authentication, 4000 0000 0000 0259 pays and is then disputed; \
`voucher` in place of a number issues a voucher, which is paid or expires later; `short` pays only 90 % of \
the amount; `euro` pays in euros, or in dollars what is due in euros. Everything is in memory and gone \
when it stops.";

/// What can be asked of a running fake.
#[derive(clap::Subcommand, Debug)]
pub enum Action {
    /// Makes an event happen at a running fake: its objects, its place in the list, its deliveries
    Trigger(TriggerArgs),
}

impl Action {
    /// Asks the fake.
    ///
    /// # Errors
    ///
    /// The fake cannot be reached, or it refuses: see [`TriggerError`].
    pub async fn run(self, client: &Client) -> Result<Report, TriggerError> {
        match self {
            Self::Trigger(args) => args.run(client).await,
        }
    }
}

/// The arguments of the command.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The address to listen on; port 0 takes a free port
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:12111")]
    pub listen: SocketAddr,
    /// How every request fails
    #[arg(long, value_enum)]
    trouble: Option<FaultKind>,
    /// Deliveries are lost, doubled and overtaken, decided by this number
    #[arg(long, value_name = "SEED")]
    faults: Option<u64>,
    /// One request in so many fails, by chance
    #[arg(long, value_name = "ONE_IN", value_parser = clap::value_parser!(u32).range(1..))]
    unreliable: Option<u32>,
}

impl Args {
    /// Starts the fake with these arguments: see [`FakeStripe::start`].
    ///
    /// # Errors
    ///
    /// The address cannot be listened on.
    pub async fn start(
        &self,
        client: Client,
        deliver_to: Box<DeliverTo>,
    ) -> std::io::Result<FakeStripe> {
        let listener = TcpListener::bind(self.listen).await?;
        let fake = FakeStripe::start(listener, client, deliver_to)?;
        fake.set_delivery_disorder(self.faults);
        fake.set_fault(self.trouble.map(Fault::from));
        fake.set_unreliable(self.unreliable.map(|one_in| Unreliable { seed: 1, one_in }));
        Ok(fake)
    }
}
