//! What a signing secret may have been before it was pasted.

use crate::contract::types::{CredentialField, CredentialRole, Problem};
use crate::foreign::is_visible;
use crate::plugin::Plugin;

/// A text that no provider gives out as a secret: a rule that accepts it accepts everything.
const NEUTRAL: &str = "any text of nobody";

/// What is around a secret that does not belong to it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Around {
    /// Spaces, line breaks, or characters that nobody sees.
    WhiteSpace,
    /// Quotes.
    Quotes,
}

/// A secret without what is around it. None: nothing is around it.
pub fn bare(secret: &str) -> Option<(String, Around)> {
    let is_space = |letter: char| letter.is_whitespace() || !is_visible(letter);
    let trimmed = secret.trim_matches(is_space);
    let is_quote = |letter: char| matches!(letter, '"' | '\'' | '`' | '“' | '”' | '‘' | '’');
    let unquoted = trimmed.trim_matches(is_quote);
    if unquoted.is_empty() {
        None
    } else if unquoted != trimmed {
        Some((unquoted.trim_matches(is_space).to_owned(), Around::Quotes))
    } else if trimmed != secret {
        Some((trimmed.to_owned(), Around::WhiteSpace))
    } else {
        None
    }
}

/// What a value is instead of a signing secret, by the rules of the manifest. None: they do not tell.
pub fn another_kind(plugin: &Plugin, position: usize, secret: &str) -> Option<Problem> {
    let manifest = plugin.manifest();
    let with_role = |role| {
        let is_it = move |field: &&CredentialField| field.role == role;
        manifest.credentials.iter().filter(is_it)
    };
    let refusal = |field: &CredentialField, value: &str| plugin.rules().refusal(&field.name, value);
    let signing: Vec<_> = with_role(CredentialRole::SigningSecret).collect();
    let refused = signing.iter().map(|field| refusal(field, secret)).collect::<Option<Vec<_>>>();
    // One that its own field accepts, or for which there is no field that says what it looks like.
    let refused = refused?;
    let mut others = with_role(CredentialRole::Authorization);
    let of_another =
        others.find(|field| refusal(field, secret).is_none() && refusal(field, NEUTRAL).is_some());
    if of_another.is_none() && refused.is_empty() {
        return None;
    }
    let what = match (of_another, refused.into_iter().next()) {
        (Some(field), _) => {
            format!("has the form of the {}: it is no signing secret.", field.label)
        }
        (None, Some(problem)) => format!("cannot be one. {}", problem.message),
        (None, None) => return None,
    };
    Some(Problem::new(
        "secret-of-another-kind",
        format!("Signing secret {position} {what}"),
        &[
            "Give the signing secret of the webhook that sends the delivery, as the provider shows it.",
            "If it was a key, replace it at the provider: it does not belong here.",
        ],
    ))
}
