//! The texts about deliveries, kept as a snapshot.

use super::event::BodyProblem;
use super::signature::SignatureProblem;
use crate::tests::write_problem;

#[test]
fn messages_are_unchanged() {
    let signature = [
        SignatureProblem::NoSecret,
        SignatureProblem::BlankSecret,
        SignatureProblem::NoHeader,
        SignatureProblem::MalformedHeader,
        SignatureProblem::NoScheme,
        SignatureProblem::Mismatch,
        SignatureProblem::TooOld,
        SignatureProblem::InFuture,
    ];
    let body = [BodyProblem::Malformed, BodyProblem::Thin, BodyProblem::Incomplete];
    let mut text = String::new();
    for problem in signature {
        write_problem(&mut text, &format!("{problem:?}"), &problem.problem());
    }
    for problem in body {
        write_problem(&mut text, &format!("{problem:?}"), &problem.problem());
    }
    insta::assert_snapshot!(text);
}
