//! What a call may reach, and what becomes of an answer that must not be used.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::contract::types::{Awaited, Payment};
use crate::egress::{Egress, PageOrigins};
use crate::foreign::AnswerError;

/// Told of every answer that is refused: the function's name in the contract, and why.
pub type Witness = Arc<dyn Fn(&'static str, AnswerError) -> BoxFuture<'static, ()> + Send + Sync>;

/// One call for one installation.
pub struct Call {
    /// What the plugin may reach. Its credentials are searched for in the answer.
    pub egress: Egress,
    /// Where customers may be sent.
    pub pages: PageOrigins,
    /// Told of an answer that is refused.
    pub witness: Option<Witness>,
}

impl From<Egress> for Call {
    /// A call that nobody witnesses, with the pages of the manifest.
    fn from(egress: Egress) -> Self {
        Self { pages: egress.page_origins(), egress, witness: None }
    }
}

/// Refuses a payment that sends its customer to a page that is not approved.
pub fn check_page(payment: &Payment, pages: &PageOrigins) -> Result<(), AnswerError> {
    match payment.checkout_url() {
        Some(url) => pages.check(url),
        None => Ok(()),
    }
}

/// Takes the link away, where it is not approved: what else the answer says of the payment still counts.
pub fn remove_foreign_page(payment: &mut Payment, pages: &PageOrigins) -> Result<(), AnswerError> {
    let checked = check_page(payment, pages);
    if checked.is_err() {
        payment.awaits = Awaited::Customer(None);
    }
    checked
}
