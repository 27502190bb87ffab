//! What a plugin or a provider says is foreign: nothing of it is believed or printed as it is.
//!
//! Every string of an answer passes the [`Inspector`] before a use case sees it. Sentences for a person become
//! one bounded line of visible characters; ids and words for a program are refused if they have another form.
//! An answer that holds a secret of its installation, in any of the forms of [`Secrets`], is refused as a whole.

mod answers;
mod inspector;
mod secrets;
mod text;

pub use inspector::{Answer, AnswerError, Inspector, OUTCOME_NOT_KNOWN, REPEAT};
pub use secrets::Secrets;
pub use text::{is_visible, line, logged, one_line};
