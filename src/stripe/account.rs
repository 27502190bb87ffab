//! Accounts.

use super::json::{Fields as _, FromJson, Json};

/// The merchant's account.
pub struct Account {
    /// `acct_…`
    pub id: String,
}

impl FromJson for Account {
    fn from_json(json: &Json) -> Option<Self> {
        let id = json.string("id")?;
        Some(Self { id })
    }
}
