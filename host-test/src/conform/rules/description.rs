//! `describe` says the same at every call.

use super::fixed;
use crate::conform::case::{Case, Rule, expect};

/// The manifest is the same at every call. Fresh instances cannot differ: nothing of the world reaches `describe`.
pub const SAME_DESCRIPTION: Rule = Rule {
    name: "same-description",
    why: "An operator approves what the manifest says. One that changes says something else afterwards.",
    cases: |_| {
        fixed(vec![Case::new("one-instance", |kit, _| async move {
            let reusing = kit.plugin.clone().reusing_one_instance();
            let first = reusing.describe().await?;
            for _ in 0..3 {
                let again = reusing.describe().await?;
                expect(first == again, || {
                    "describe answers differently at the next call in one instance".to_owned()
                })?;
            }
            Ok(())
        })])
    },
};
