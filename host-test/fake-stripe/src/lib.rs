//! A fake Stripe on loopback: stateful, with pages on which a customer pays and signed webhooks.
//!
//! Everything is in memory. Test and live mode share nothing. Messages and shapes are Stripe's, as far as
//! they are known.
//!
//! The text of a key says what the key is:
//!
//! - every `sk_` or `rk_` key of the right form is accepted. It belongs to one account; a key with
//!   `SecondAccount` in it belongs to another;
//! - a key that ends in `Invalid` is refused as a wrong key, one that ends in `Expired` as an expired key;
//! - a restricted key (`rk_`) has every permission that a payment provider needs, except those after
//!   `Without`: `Webhook`, `Checkout`, `PaymentIntent`, `Refund`, `Charge`, `Event`, each alone or with
//!   `Write` (`rk_test_51WithoutWebhookWriteRefund`). No restricted key may read the account; `Account`
//!   after `Without` removes the account's id from that error message;
//! - a key with `NotActivated` in it belongs to the first account, and for it the account cannot charge;
//! - a key with `Secretless` in it does not get the signing secret of a new webhook endpoint.

mod account;
mod api;
mod args;
mod clock;
mod customer;
mod delivery;
mod error;
mod fake;
mod fault;
mod lock;
mod objects;
mod page;
mod payment;
mod server;
mod settings;
mod signature;
mod test_cards;
mod trigger;

pub use args::{ABOUT, Action, Args, LONG_ABOUT, NAME};
pub use clock::set_clock;
pub use delivery::{Attempt, DeliverTo};
pub use fake::{FakeStripe, UnsentDelivery};
pub use fault::{EveryNth, Fault, FaultKind, Unreliable};
pub use server::ApiRequest;
pub use signature::signature;
pub use trigger::{Report, TriggerError};
