//! The rules of the contract, each group in a file of its own.

mod amounts;
mod deliveries;
mod description;
mod effect;
mod events;
mod forgeries;
mod hostile;
mod instances;
mod interruptions;
mod lost_answers;
mod meanings;
mod problems;
mod provider_errors;
mod resources;
mod searches;
mod secrets;
mod statuses;
mod wrong_answers;

use super::case::{Case, FoundCases, Rule};

/// Every rule, in the order in which they are run.
pub static RULES: [Rule; 26] = [
    description::SAME_DESCRIPTION,
    instances::INSTANCES_AGREE,
    deliveries::DELIVERY_REACHES_FLOW,
    forgeries::FORGERY_REFUSED,
    forgeries::UNSIGNED_REFUSED,
    forgeries::REPLAY_REFUSED,
    provider_errors::PROVIDER_ERRORS,
    provider_errors::UNREADABLE_ANSWERS,
    lost_answers::LOST_ANSWERS,
    searches::SEARCHES_FIND,
    interruptions::ONE_CHARGE,
    interruptions::ONE_REFUND,
    interruptions::ONE_COMPLETION,
    interruptions::ONE_WEBHOOK,
    statuses::UNKNOWN_STATUS_PENDING,
    statuses::FINAL_STAYS_FINAL,
    amounts::EXACT_AMOUNTS,
    events::COMPLETE_EVENTS,
    secrets::SECRETS_STAY,
    secrets::OWN_ORIGINS,
    hostile::HOSTILE_IDS,
    hostile::HOSTILE_REFERENCES,
    hostile::OTHER_WORKSPACE,
    problems::WRONG_CREDENTIALS,
    problems::CLEAR_PROBLEMS,
    resources::WITHIN_LIMITS,
];

/// Cases that are the same for every plugin.
fn fixed(cases: Vec<Case>) -> FoundCases {
    Box::pin(async { Ok(cases) })
}
