//! What goes wrong between the plugin and its provider.

use std::fmt;

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection is closed before the provider has the request.
    CutBefore,
    /// The provider carries the request out, and the connection is closed before its answer.
    CutAfter,
    /// Nothing is ever answered. The provider does not have the request.
    Silent,
    /// This status with a body that says no more. The provider does not have the request.
    Status(u16),
    /// 500, after the provider has carried the request out.
    FailsAfter,
    /// 200 and a page of HTML, after the provider has carried the request out.
    Html,
    /// The provider's answer, cut in the middle of its JSON.
    Truncated,
    /// The provider's status and an empty body.
    Empty,
    /// The provider's answer, in which every status is a word that nobody knows.
    UnknownStatus,
}

/// The word in place of a status.
pub const UNKNOWN_WORD: &str = "made-up-by-the-kit";
/// The number in place of a status that is a number.
pub const UNKNOWN_NUMBER: u64 = 987_654_321;

impl Fault {
    /// Its name in that of a case.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::CutBefore => "cut-before".to_owned(),
            Self::CutAfter => "cut-after".to_owned(),
            Self::Silent => "silent".to_owned(),
            Self::Status(status) => status.to_string(),
            Self::FailsAfter => "500-after".to_owned(),
            Self::Html => "html".to_owned(),
            Self::Truncated => "truncated".to_owned(),
            Self::Empty => "empty".to_owned(),
            Self::UnknownStatus => "unknown-status".to_owned(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CutBefore => {
                formatter.write_str("the connection was closed before the provider had it")
            }
            Self::CutAfter => {
                formatter.write_str("the provider carried it out, and the connection was closed")
            }
            Self::Silent => formatter.write_str("nothing was ever answered"),
            Self::Status(status) => {
                write!(formatter, "{status} was answered in the provider's place")
            }
            Self::FailsAfter => {
                formatter.write_str("the provider carried it out, and 500 was answered")
            }
            Self::Html => {
                formatter.write_str("the provider carried it out, and a page of HTML was answered")
            }
            Self::Truncated => formatter.write_str("the provider's answer was cut in the middle"),
            Self::Empty => formatter.write_str("the body of the provider's answer was removed"),
            Self::UnknownStatus => formatter.write_str("each status in the answer was made up"),
        }
    }
}

/// Which requests of the plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Each one.
    Every,
    /// The one with this number, counted from 1.
    Number(usize),
    /// The first that changes something: any method but `GET`.
    FirstWrite,
    /// That one and each after it.
    FromFirstWrite,
}
