//! One call: what it may reach, and who is told of an answer that is refused.

use std::sync::Arc;

use futures_util::future::BoxFuture;

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
