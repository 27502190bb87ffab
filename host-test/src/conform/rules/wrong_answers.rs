//! Which case an answer must have when something goes wrong on the way to the provider.

use std::time::Duration;

use serde_json::Value;

use super::effect;
use crate::conform::case::{Ending, Outcome, described, expect, failed, not_applicable};
use crate::conform::direct::Direct;
use crate::conform::exchange::Exchange;
use crate::conform::fault::{Fault, Which};
use crate::conform::functions::{Answered, Call, call, call_with, ready};
use crate::conform::told::Told as _;

/// The functions that change something at the provider.
pub const WRITING: [&str; 7] = [
    "install",
    "repair",
    "uninstall",
    "create-payment",
    "complete-payment",
    "cancel-payment",
    "refund-payment",
];

/// The arguments of a function; there is something to uninstall.
async fn prepared(direct: &mut Direct, function: &'static str) -> Result<Call, Ending> {
    if function == "uninstall" {
        direct.install_again().await?;
    }
    ready(direct, function).await
}

/// Calls a function while something goes wrong, and judges its answer.
pub async fn judged(
    direct: &mut Direct,
    function: &'static str,
    which: Which,
    fault: Fault,
) -> Outcome {
    let arguments = prepared(direct, function).await?;
    called(direct, function, which, fault, &arguments).await
}

/// The same at a provider that never answers, with a time limit for the call.
pub async fn judged_silent(
    direct: &mut Direct,
    function: &'static str,
    which: Which,
    limit: Duration,
) -> Outcome {
    let arguments = prepared(direct, function).await?;
    direct.plugin = direct.plugin.clone().with_time_limit(limit);
    called(direct, function, which, Fault::Silent, &arguments).await
}

async fn called(
    direct: &Direct,
    function: &'static str,
    which: Which,
    fault: Fault,
    arguments: &Call,
) -> Outcome {
    let interposer = &direct.world.interposer;
    let before = effect::count(direct, arguments).await?;
    let mark = interposer.count();
    interposer.set_fault(which, fault);
    let answered = call(direct, arguments).await;
    interposer.clear_fault();
    let answered = answered?;
    let exchanges = interposer.since(mark);
    if exchanges.is_empty() {
        return not_applicable("it sends no request");
    }
    let writes = exchanges.iter().filter(|exchange| exchange.is_write).count();
    if which == Which::FirstWrite && writes == 0 {
        return not_applicable("it changes nothing at the provider");
    }
    let has_recovered = which == Which::FirstWrite && has_recovered(&exchanges);
    let wrong = Wrong { function, fault, which, has_written: writes > 0, has_recovered };
    wrong.judge(&answered, &exchanges)?;
    effect::judge(direct, arguments, &answered, before).await
}

/// Whether something after the first write, which went wrong, told what it had done: a read, or the same write again.
fn has_recovered(exchanges: &[Exchange]) -> bool {
    let mut after = exchanges.iter().skip_while(|exchange| !exchange.is_write);
    let Some(first) = after.next() else { return false };
    after.any(|next| next.has_succeeded() && (!next.is_write || next.is_repetition_of(first)))
}

/// Cuts the connection of each request of a function, one after the other, and judges the answers.
pub async fn judged_request_by_request(direct: &mut Direct, function: &'static str) -> Outcome {
    let mut number = 0;
    loop {
        number += 1;
        for fault in [Fault::CutBefore, Fault::CutAfter] {
            let arguments = prepared(direct, function).await?;
            let interposer = &direct.world.interposer;
            let mark = interposer.count();
            interposer.set_fault(Which::Number(number), fault);
            let answered = call(direct, &arguments).await;
            interposer.clear_fault();
            let answered = answered?;
            let exchanges = interposer.since(mark);
            let Some(cut) = exchanges.get(number - 1) else {
                return if number == 1 { not_applicable("it sends no request") } else { Ok(()) };
            };
            // What they did can be done again: they look for it first.
            let is_repeatable = matches!(function, "repair" | "uninstall") && !cut.is_write;
            let has_written =
                !is_repeatable && exchanges.iter().take(number).any(|exchange| exchange.is_write);
            let allowed: &[&str] = if has_written {
                &["ok", "unknown-outcome", "replayed-failure", "other"]
            } else {
                &["ok", "unavailable", "other"]
            };
            expect(allowed.contains(&answered.name()), || {
                let request = format!("{} {}", cut.method, cut.target);
                let before =
                    if has_written { "something may have changed" } else { "nothing has changed" };
                format!(
                    "{function}, where {request} (request {number}): {fault}: it answers {}, and {before}: {}",
                    answered.name(),
                    allowed.join(" or ")
                )
            })?;
        }
    }
}

/// Calls a function while nothing listens at the provider's address, and judges its answer.
pub async fn judged_unreachable(direct: &mut Direct, function: &'static str) -> Outcome {
    // What it does where nothing is wrong tells whether it asks the provider at all.
    let arguments = prepared(direct, function).await?;
    let mark = direct.world.interposer.count();
    call(direct, &arguments).await?;
    if direct.world.interposer.since(mark).is_empty() {
        return not_applicable("it sends no request");
    }
    let arguments = prepared(direct, function).await?;
    let mark = direct.world.interposer.count();
    let (nowhere, _bound) = direct.call_to_nowhere()?;
    let answered = call_with(direct, &arguments, nowhere).await?;
    expect(direct.world.interposer.since(mark).is_empty(), || {
        "the kit did not close the provider's address".to_owned()
    })?;
    let why = format!("{function} at a provider that cannot be reached");
    if function == "report-status" {
        return report_is_honest(&answered, &why, Fault::Silent);
    }
    match answered.name() {
        "unavailable" => Ok(()),
        // A webhook that could not be registered is no error, if it says so.
        "ok" if matches!(function, "install" | "repair") && tells_webhook_problem(&answered) => {
            Ok(())
        }
        other => failed(format!("{why} answers {other}, and nothing has happened: unavailable")),
    }
}

fn tells_webhook_problem(answered: &Answered) -> bool {
    matches!(answered, Answered::Ok(value) if has_webhook_problem(value))
}

/// Whether an installation, or the outcome of a repair, says that its webhook is not as it should be.
fn has_webhook_problem(value: &Value) -> bool {
    let problem = value.pointer("/installation").unwrap_or(value).pointer("/webhook/problem");
    problem.is_some_and(|problem| !problem.is_null())
}

/// What went wrong.
struct Wrong {
    function: &'static str,
    which: Which,
    fault: Fault,
    /// Whether a write was among the requests that went wrong.
    has_written: bool,
    /// Whether another write after the one that went wrong was carried out.
    has_recovered: bool,
}

impl Wrong {
    fn judge(&self, answered: &Answered, exchanges: &[Exchange]) -> Outcome {
        let first = exchanges.first().map(|of| format!("{} {}", of.method, of.target));
        let what = match self.which {
            Which::FirstWrite => "the request that changes something".to_owned(),
            _ => format!("each request, such as {}", first.unwrap_or_default()),
        };
        let why = format!("{}, where {what}, and {}", self.function, self.fault);
        let why = why.replacen(", and ", ": ", 1);
        if self.function == "report-status" {
            return report_is_honest(answered, &why, self.fault);
        }
        if let Answered::Ok(value) = answered
            && self.may_succeed(value)
        {
            return Ok(());
        }
        let allowed = self.allowed();
        expect(allowed.contains(&answered.name()), || {
            let said = match answered {
                Answered::Ok(_) => String::new(),
                Answered::Provider(error) => format!(": {}", described(error.problem())),
                Answered::Delivery(error) => format!(": {}", described(error.told())),
            };
            let allowed = allowed.join(" or ");
            format!("{why}: it answers {}, and has to answer {allowed}{said}", answered.name())
        })
    }

    /// The cases that are right.
    fn allowed(&self) -> &'static [&'static str] {
        if self.function == "handle-webhook" {
            return match self.fault {
                Fault::Status(404) => &["unavailable", "refused", "other"],
                _ => &["unavailable", "other"],
            };
        }
        match (self.fault, self.has_written) {
            (Fault::Status(401), _) => &["invalid-credentials"],
            (Fault::Status(403), _) => &["permission-missing", "refused"],
            (Fault::Status(404), _) => &["not-found", "refused", "other"],
            (Fault::Status(409), true) => {
                &["refused", "key-spent", "unknown-outcome", "replayed-failure", "other"]
            }
            (Fault::Status(409), false) => &["refused", "unavailable", "other"],
            (Fault::Status(429), true) => &["unavailable", "unknown-outcome"],
            (Fault::Html | Fault::Truncated | Fault::Empty, false) => &["other", "unavailable"],
            (_, true) => &["unknown-outcome", "replayed-failure", "other"],
            (_, false) => &["unavailable"],
        }
    }

    /// Whether the function may succeed all the same.
    fn may_succeed(&self, value: &Value) -> bool {
        let has_read = self.has_recovered;
        match self.function {
            // A webhook that could not be registered is no error, if it says so.
            // Restricted credentials may not read what is only looked at.
            "repair" if self.fault == Fault::Status(403) => true,
            "install" | "repair" => has_read || has_webhook_problem(value),
            // What is already gone counts as deleted, and a body says nothing.
            "uninstall" => {
                let is_read = matches!(self.fault, Fault::Html | Fault::Truncated | Fault::Empty);
                has_read || is_read || self.fault == Fault::Status(404)
            }
            // A genuine delivery about what the provider does not know changes nothing.
            "handle-webhook" => {
                self.fault == Fault::Status(404) && value.pointer("/Ignored").is_some()
            }
            "find-payment" | "find-refund" => {
                self.fault == Fault::Status(404) && *value == "Absent"
            }
            _ => has_read,
        }
    }
}

/// A status report says that something could not be found out.
fn report_is_honest(answered: &Answered, why: &str, fault: Fault) -> Outcome {
    let Answered::Ok(report) = answered else { return failed(format!("{why}: it fails")) };
    let checks = report.pointer("/checks").and_then(Value::as_array).cloned().unwrap_or_default();
    let has =
        |check: &Value, name: &str, text: &str| check.pointer(name) == Some(&Value::from(text));
    let any = |wanted: &str| checks.iter().any(|check| has(check, "/verdict", wanted));
    let key_passes =
        checks.iter().any(|check| has(check, "/id", "key") && has(check, "/verdict", "Pass"));
    // 403: the credentials are valid.
    expect(!key_passes || fault == Fault::Status(403), || {
        format!("{why}: the check `key` passes")
    })?;
    if fault == Fault::Status(401) {
        return expect(any("Fail"), || format!("{why}: no check fails"));
    }
    expect(any("Fail") || any("Unknown") || any("Warn"), || {
        format!("{why}: no check says that something is wrong or could not be found out")
    })
}
