//! Accounts.

use super::json::{FromJson, Json};

/// The merchant's account.
pub struct Account {
    /// `acct_…`
    pub id: String,
    /// Whether it can take payments. None: Stripe does not say.
    pub charges_enabled: Option<bool>,
}

impl FromJson for Account {
    fn from_json(json: Json<'_>) -> Option<Self> {
        Some(Self { id: json.string("id")?, charges_enabled: json.flag("charges_enabled") })
    }
}
