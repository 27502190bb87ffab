//! Events on demand: what the event tells really happens at the fake, so that the API agrees with it.

mod client;
mod control;
mod error;
mod events;
mod overrides;
mod recipe;

pub use client::{Report, TriggerArgs};
pub use control::{PATH, answer};
pub use error::TriggerError;
