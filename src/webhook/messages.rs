//! The texts about deliveries, kept as a snapshot.

use super::event::BodyError;
use super::signature::SignatureError;
use crate::tests::write_problem;

#[test]
fn messages_are_unchanged() {
    let signature = [
        SignatureError::NoSecret,
        SignatureError::BlankSecret,
        SignatureError::NoHeader,
        SignatureError::MalformedHeader,
        SignatureError::NoScheme,
        SignatureError::Mismatch,
        SignatureError::TooOld,
        SignatureError::InFuture,
    ];
    let body = [BodyError::Malformed, BodyError::Thin, BodyError::Incomplete];
    let mut text = String::new();
    for problem in signature {
        write_problem(&mut text, &format!("{problem:?}"), &problem.problem());
    }
    for problem in body {
        write_problem(&mut text, &format!("{problem:?}"), &problem.problem());
    }
    insta::assert_snapshot!(text);
}
