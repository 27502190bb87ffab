//! The problems of a host with several plugins, and of plugins that are developed.

use crate::contract::types::Problem;

pub(super) fn provider_twice(provider: &str) -> Problem {
    Problem::new(
        "provider-twice",
        format!("Two of the components are of the provider {provider}."),
        &[
            "Leave one of them out. To use another component in place of the built-in one, give it with --component and not with --plugin.",
        ],
    )
}

pub(super) fn provider_unknown(known: &[String]) -> Problem {
    Problem::new(
        "provider-unknown",
        "No plugin is of that provider.",
        &[&format!(
            "The providers are: {}. Add another one's component with --plugin FILE.",
            known.join(", ")
        )],
    )
}

pub(super) fn provider_not_chosen(known: &[String]) -> Problem {
    Problem::new(
        "provider-not-chosen",
        format!(
            "There are several plugins: {}. It was not said which one is meant.",
            known.join(", ")
        ),
        &["Say it with --provider ID (in a request to the control listener: ?provider=ID)."],
    )
}

pub(super) fn provider_changed(served: &str, given: &str) -> Problem {
    Problem::new(
        "provider-changed",
        format!(
            "The changed component is of the provider {given}, and the one before is of {served}."
        ),
        &["Start `host-test serve` again to serve the other provider."],
    )
}

pub(super) fn delivery_not_kept() -> Problem {
    Problem::new(
        "delivery-not-kept",
        "No delivery of this event was kept.",
        &[
            "See which deliveries were kept: `host-test replay` without an id.",
            "Deliveries are kept by `host-test serve --dev`, in test mode only, and only the newest 200.",
        ],
    )
}
