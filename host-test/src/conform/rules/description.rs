//! `describe` says the same at every call.

use super::fixed;
use crate::conform::case::{Case, Rule, expect};

/// The manifest is the same in every instance and at every call.
pub const SAME_DESCRIPTION: Rule = Rule {
    name: "same-description",
    why: "An operator approves what the manifest says. One that changes says something else afterwards.",
    cases: |_| {
        fixed(vec![
            Case::new("fresh-instances", |kit, _| async move {
                for _ in 0..3 {
                    let described = kit.plugin.describe().await?;
                    expect(described == *kit.plugin.manifest(), || {
                        "describe says something else than when it was loaded".to_owned()
                    })?;
                }
                Ok(())
            }),
            Case::new("one-instance", |kit, _| async move {
                let reusing = kit.plugin.clone().reusing_one_instance();
                let first = reusing.describe().await?;
                for _ in 0..3 {
                    let again = reusing.describe().await?;
                    expect(first == again, || {
                        "describe answers differently at the next call in one instance".to_owned()
                    })?;
                }
                Ok(())
            }),
        ])
    },
};
