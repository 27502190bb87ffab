//! The token of the control listener: 32 random bytes in a file of the data folder.

use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use thiserror::Error;

use crate::contract::types::Problem;
use crate::data_folder::{self, CONTROL_TOKEN};
use crate::vault::{SecretKey, read_key};

/// The token. `Debug` does not show it.
pub struct ControlToken(Arc<SecretKey>);

impl fmt::Debug for ControlToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ControlToken")
    }
}

/// Why there is no token.
#[derive(Debug, Error)]
pub enum TokenError {
    /// The file holds something else.
    #[error("{} does not hold 64 hexadecimal digits", .0.display())]
    Malformed(PathBuf),
    /// The file cannot be read or created.
    #[error("{path}: {source}", path = .0.display(), source = .1)]
    File(PathBuf, std::io::Error),
    /// The operating system gives no random numbers.
    #[error("the operating system gives no random numbers")]
    NoRandomness,
}

impl TokenError {
    /// The problem for a person.
    #[must_use]
    pub fn problem(&self) -> Problem {
        let step = match self {
            Self::Malformed(path) => {
                format!("Remove {}, and start again: a new token is made.", path.display())
            }
            Self::File(path, _) => format!(
                "Check the owner and permissions of {}, and the free space on the disk.",
                path.display()
            ),
            Self::NoRandomness => "Try again.".to_owned(),
        };
        let message = format!("The token of the control listener cannot be used: {self}.");
        Problem::new("control-token-unusable", message, &[&step])
    }
}

impl ControlToken {
    /// Where the token of a data folder is.
    #[must_use]
    pub fn path(data_dir: &Path) -> PathBuf {
        data_dir.join(CONTROL_TOKEN)
    }

    /// The token of a data folder that was [prepared](data_folder::prepare). It is made if there is none.
    ///
    /// # Errors
    ///
    /// The file holds no token, or cannot be read or created.
    pub fn of(data_dir: &Path) -> Result<Self, TokenError> {
        let path = Self::path(data_dir);
        if let Some(token) = Self::read(&path)? {
            return Ok(token);
        }
        let token = SecretKey::generate().map_err(|_| TokenError::NoRandomness)?;
        match data_folder::create_file(&path, token.digits().as_slice()) {
            Ok(true) => Ok(Self(token)),
            // Another process was first.
            Ok(false) => Self::read(&path)?.ok_or(TokenError::Malformed(path)),
            Err(error) => Err(TokenError::File(path, error)),
        }
    }

    /// The token in a file. None: there is no such file.
    fn read(path: &Path) -> Result<Option<Self>, TokenError> {
        match read_key(path) {
            Ok(Some(token)) => Ok(Some(Self(token))),
            Ok(None) => Err(TokenError::Malformed(path.to_owned())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(TokenError::File(path.to_owned(), error)),
        }
    }

    /// Whether a request has the token, as `Authorization: Bearer TOKEN`.
    pub(super) fn is_in(&self, headers: &HeaderMap) -> bool {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return false };
        let Some((scheme, given)) = value.as_bytes().split_at_checked(b"Bearer ".len()) else {
            return false;
        };
        scheme.eq_ignore_ascii_case(b"Bearer ")
            && SecretKey::parse(given).is_some_and(|given| self.0.is(&given))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn headers(values: &[&str]) -> HeaderMap {
        let values =
            values.iter().map(|value| (AUTHORIZATION, HeaderValue::from_str(value).unwrap()));
        values.collect()
    }

    #[test]
    fn only_the_token_itself_is_right() {
        let directory = tempfile::tempdir().unwrap();
        let token = ControlToken::of(directory.path()).unwrap();
        let digits = std::fs::read_to_string(ControlToken::path(directory.path())).unwrap();
        assert_eq!(digits.len(), 64);
        let (right, again) = (format!("Bearer {digits}"), format!("bearer {digits}"));
        assert!(token.is_in(&headers(&[&right])) && token.is_in(&headers(&[&again])));
        let flipped = if digits.starts_with('0') { "1" } else { "0" };
        let rows: [&[&str]; 8] = [
            &[],
            &[""],
            &["Bearer "],
            &["Bearer"],
            &[&digits],
            &[&format!("Basic {digits}")],
            &[&format!("Bearer {flipped}{}", &digits[1..])],
            &[&right, &right],
        ];
        for row in rows {
            assert!(!token.is_in(&headers(row)), "{row:?}");
        }
        let again = ControlToken::of(directory.path()).unwrap();
        assert!(again.is_in(&headers(&[&right])));
        assert_eq!(format!("{token:?}"), "ControlToken");
    }

    #[test]
    fn file_that_holds_no_token_is_refused_and_kept() {
        let directory = tempfile::tempdir().unwrap();
        let path = ControlToken::path(directory.path());
        for content in ["", "secret", &"0".repeat(63), &"0".repeat(1 << 10)] {
            std::fs::write(&path, content).unwrap();
            let error = ControlToken::of(directory.path()).unwrap_err();
            assert!(matches!(error, TokenError::Malformed(_)), "{error}");
            assert!(content.is_empty() || !error.problem().message.contains(content));
            assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
        }
    }
}
