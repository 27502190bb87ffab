//! What a new project says of itself, in place of what the example says: its provider exists.

/// A text of the example, and the one that a new project has in its place.
pub(super) struct OwnText {
    /// The file.
    pub path: &'static str,
    /// What the example says. It stands there once.
    pub of_example: &'static str,
    /// What a new project says, with the example's names.
    pub of_project: &'static str,
}

/// The texts.
pub(super) const OWN_TEXTS: [OwnText; 4] = [
    OwnText {
        path: "README.md",
        of_example: "\
# Andes Pay: a plugin to copy

A payment plugin for the marketplace, and a fake of its provider. The provider is made up. It is as many providers
are, and unlike the provider of the built-in plugin:

| what it shows | where |
",
        of_project: "\
# The payment plugin of Andes Pay

A payment plugin for the marketplace, and a fake of its provider. Replace me: every path, field, status word, limit and
signature is an example, and nothing of it is from the provider's documentation. What you replace, and where:

| what | where |
",
    },
    OwnText {
        path: "src/lib.rs",
        of_example: "\
//! The plugin of Andes Pay, a payment provider that is made up: a plugin to copy.
//!
//! Andes Pay is unlike the provider of the built-in plugin: a store id and a token, other hosts in live mode, a
//! webhook that the merchant makes by hand, deliveries that hold ids only, payments that have to be completed after
//! the customer has approved them, refunds that take their time, and amounts as decimal texts.
",
        of_project: "\
//! The payment plugin of Andes Pay.
//!
//! Replace me, with what the provider's documentation says: this project starts with a store id and a token, other
//! hosts in live mode, a webhook that the merchant makes by hand, deliveries that hold ids only, payments that have to
//! be completed after the customer has approved them, refunds that take their time, and amounts as decimal texts.
",
    },
    OwnText {
        path: "Cargo.toml",
        of_example: "A payment plugin to copy: Andes Pay, a provider that is made up",
        of_project: "The payment plugin of Andes Pay",
    },
    OwnText {
        path: "fake/src/lib.rs",
        of_example: "\
//! Everything is in memory. Test and live mode listen at two addresses and share nothing.
",
        of_project: "\
//! Replace me: the paths, fields and words are examples, and not those of the provider. The plugin is judged by this
//! fake, so take them from the provider's documentation.
//!
//! Everything is in memory. Test and live mode listen at two addresses and share nothing.
",
    },
];
