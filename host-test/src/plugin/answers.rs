//! What becomes of an answer: used, used without a link, or refused.

use std::time::Instant;

use super::error::CallError;
use super::{Call, Plugin};
use crate::contract::types::{Awaited, Payment, ProviderError};
use crate::egress::PageOrigins;
use crate::fair_places::NoPlace;
use crate::foreign::{Answer, AnswerError, Inspector, OUTCOME_NOT_KNOWN};
use crate::limit::Limit;
use crate::telemetry::SecurityEvent;

/// Checks the value of a call that has succeeded.
pub(super) fn checked<T, E>(
    answer: Result<T, E>,
    check: impl FnOnce(&T) -> Result<(), AnswerError>,
) -> Result<Result<T, E>, AnswerError> {
    if let Ok(value) = &answer {
        check(value)?;
    }
    Ok(answer)
}

/// A call that moves money, or ends what could, and has no answer that may be used: nobody knows what it has done,
/// unless it did not begin.
pub(super) fn outcome_unknown<T>(
    answer: Result<Result<T, ProviderError>, CallError>,
) -> Result<Result<T, ProviderError>, CallError> {
    match answer {
        Err(CallError::NoPlace(why)) => Err(CallError::NoPlace(why)),
        // It says so itself.
        Err(CallError::AnswerRefused(why)) => Ok(Err(ProviderError::UnknownOutcome(why.problem()))),
        Err(ended) => {
            let mut problem = ended.problem();
            problem.message = format!("{} {OUTCOME_NOT_KNOWN}", problem.message);
            Ok(Err(ProviderError::UnknownOutcome(problem)))
        }
        Ok(answer) => Ok(answer),
    }
}

/// Refuses a payment that sends its customer to a page that is not approved.
pub(super) fn check_page(payment: &Payment, pages: &PageOrigins) -> Result<(), AnswerError> {
    match payment.checkout_url() {
        Some(url) => pages.check(url),
        None => Ok(()),
    }
}

/// Takes the link away, where it is not approved: what else the answer says of the payment still counts.
fn remove_foreign_page(payment: &mut Payment, pages: &PageOrigins) -> Result<(), AnswerError> {
    let checked = check_page(payment, pages);
    if checked.is_err() {
        payment.awaits = Awaited::Customer(None);
    }
    checked
}

impl Plugin {
    /// Measures a call, and writes down why it has no answer.
    pub(super) fn note(
        &self,
        call: &Call,
        function: &'static str,
        begun: Instant,
        error: Option<&CallError>,
    ) {
        let Some(telemetry) = &self.telemetry else { return };
        let owner = call.egress.owner();
        let whose = &owner.installation;
        telemetry.called(function, begun.elapsed());
        match error {
            Some(CallError::NoPlace(NoPlace::QueueFull)) => telemetry.limit(Limit::Queue, whose),
            Some(CallError::NoPlace(NoPlace::TimedOut)) => telemetry.limit(Limit::Places, whose),
            Some(CallError::HostLimitReached(limit)) => telemetry.limit(*limit, whose),
            Some(why) => {
                let what = format_args!("{function} was ended: {why}");
                telemetry.security(SecurityEvent::Trap, whose, what);
            }
            None => {}
        }
    }

    /// The answer, if it may be used. Its sentences are readable.
    pub(super) fn inspected<'a, T: Answer>(
        &self,
        call: &'a Call,
        signing_secrets: impl IntoIterator<Item = &'a str>,
        answer: T,
    ) -> Result<T, AnswerError> {
        let fields = self.manifest.credentials.iter().filter(|field| field.secret);
        let given = call.egress.credentials();
        let secrets = fields.filter_map(|field| given?.get(&field.name));
        let secrets = secrets.map(secrecy::ExposeSecret::expose_secret);
        let left_out = |field: &str| {
            let what = format_args!("an entry of an answer was left out, for its {field}");
            call.egress.report(SecurityEvent::EntryLeftOut, what);
        };
        Inspector::new(&self.manifest.name, self.is_built_in).check(
            answer,
            secrets.chain(signing_secrets),
            left_out,
        )
    }

    /// Tells the witness of an answer that is refused.
    pub(super) async fn witnessed<T>(
        &self,
        call: &Call,
        function: &'static str,
        checked: Result<T, AnswerError>,
    ) -> Result<T, CallError> {
        if let (Err(why), Some(witness)) = (&checked, &call.witness) {
            witness(function, why.clone()).await;
        }
        checked.map_err(CallError::AnswerRefused)
    }

    /// The payment without a link that is not approved.
    pub(super) async fn with_pages(
        &self,
        call: &Call,
        function: &'static str,
        mut answer: Result<Result<Payment, ProviderError>, CallError>,
    ) -> Result<Result<Payment, ProviderError>, CallError> {
        if let Ok(Ok(payment)) = &mut answer {
            self.check_pages(call, function, [payment]).await;
        }
        answer
    }

    /// Takes links away that are not approved, and tells the witness. What else the answers say still counts: a
    /// payment that was made must not be lost for its link.
    pub(super) async fn check_pages<'a>(
        &self,
        call: &Call,
        function: &'static str,
        payments: impl IntoIterator<Item = &'a mut Payment>,
    ) {
        let mut removed = None;
        for payment in payments {
            removed = removed.or(remove_foreign_page(payment, &call.pages).err());
        }
        if let (Some(why), Some(witness)) = (removed, &call.witness) {
            witness(function, why).await;
        }
    }
}
