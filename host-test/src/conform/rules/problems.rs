//! Every problem tells a program, a person, and what to do.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Deserialize as _;
use serde_json::Value;

use super::fixed;
use crate::conform::case::{Case, Ending, Outcome, Rule, described, expect, not_tested};
use crate::conform::direct::Direct;
use crate::conform::evidence::Evidence;
use crate::conform::fault::{Fault, Which};
use crate::conform::functions::{Answered, Call, FUNCTIONS, call, ready};
use crate::conform::kit::Kit;
use crate::conform::scenario::{Action, Missing};
use crate::conform::world::World;
use crate::contract::types::{
    Check, CredentialMeaning, Mode, Money, Problem, ProviderError, Verdict, WebhookError,
};
use crate::egress::Credentials;

/// The contract's text: the codes that any provider may use stand in the documentation of `problem`.
const TYPES: &str = include_str!("../../../../wit/types.wit");
/// The longest sentence, in characters: a chat shows it whole. Our own choice.
const LONGEST_SENTENCE: usize = 400;
/// What no sentence for a merchant holds.
const JARGON: [&str; 8] = ["{", "}", "<html", "</", "\\n", "panicked", "stack", "undefined"];

/// Every problem has a code of the list, a sentence, and a remedy.
pub const CLEAR_PROBLEMS: Rule = Rule {
    name: "clear-problems",
    why: "A merchant reads it in a chat, and has to know what to do next.",
    cases: |_| {
        let case = |function: &'static str| {
            Case::new(function, move |kit, evidence| of_function(kit, evidence, function))
        };
        let mut cases: Vec<Case> = FUNCTIONS.into_iter().map(case).collect();
        cases.push(Case::new("credentials", of_credentials));
        cases.push(Case::new("refusals", of_refusals));
        cases.push(Case::new("deliveries", of_deliveries));
        fixed(cases)
    },
};

/// Wrong credentials are refused with their case.
pub const WRONG_CREDENTIALS: Rule = Rule {
    name: "wrong-credentials",
    why: "A merchant who has pasted the wrong key has to read that, and not that the provider is down.",
    cases: |kit| {
        let count = kit.scenario.credentials.wrong.len();
        if count == 0 {
            return fixed(vec![Case::new("none", |_, _| async {
                not_tested("the scenario has no wrong credentials")
            })]);
        }
        let case = |index| {
            Case::new(format!("{}", index + 1), move |kit, evidence| wrong(kit, evidence, index))
        };
        fixed((0..count).map(case).collect())
    },
};

/// The codes of the contract's list.
fn known_codes() -> BTreeSet<&'static str> {
    let list = TYPES.split_once("Codes that any provider may use").map_or("", |(_, list)| list);
    let list = list.split_once("Where the provider has said no").map_or(list, |(list, _)| list);
    list.split('`').skip(1).step_by(2).collect()
}

/// Judges a problem. `may_be_own`: the provider has said no, and its own code may stand there.
fn judge(problem: &Problem, may_be_own: bool) -> Outcome {
    if !may_be_own {
        judge_code(problem)?;
    }
    judge_sentence(&problem.code, &problem.message)?;
    let has_remedy = problem.remedy.iter().any(|step| !step.trim().is_empty())
        && problem.remedy.iter().all(|step| step.contains(' '));
    expect(has_remedy, || format!("`{}` has no remedy: {}", problem.code, problem.message))
}

fn judge_code(problem: &Problem) -> Outcome {
    expect(known_codes().contains(problem.code.as_str()), || {
        let (code, shown) = (&problem.code, described(problem));
        format!("the code `{code}` is not of the contract's list: {shown}")
    })
}

fn judge_sentence(code: &str, message: &str) -> Outcome {
    let message = message.trim();
    let is_sentence = message.ends_with(['.', '!', '?', '…', ')', ':'])
        && message.contains(' ')
        && message.chars().count() <= LONGEST_SENTENCE
        && !JARGON.iter().any(|word| message.contains(word));
    expect(is_sentence, || {
        format!("the message of `{code}` is no sentence for a merchant: {message}")
    })
}

/// Judges what a good answer tells: problems and checks, at any depth.
fn judge_value(value: &Value) -> Outcome {
    match value {
        Value::Array(values) => values.iter().try_for_each(judge_value),
        Value::Object(members) => {
            if let Ok(problem) = Problem::deserialize(value) {
                return judge(&problem, true);
            }
            if let Ok(check) = Check::deserialize(value) {
                return judge_check(&check);
            }
            // A delivery that is passed over needs nothing of anybody.
            let told = members.iter().filter(|(name, _)| *name != "reason");
            told.map(|(_, value)| value).try_for_each(judge_value)?;
            members.get("reason").map_or(Ok(()), judge_reason)
        }
        _ => Ok(()),
    }
}

/// Why a delivery is passed over: a code of the list and a sentence.
fn judge_reason(value: &Value) -> Outcome {
    let Ok(reason) = Problem::deserialize(value) else { return judge_value(value) };
    judge_code(&reason)?;
    judge_sentence(&reason.code, &reason.message)
}

fn judge_check(check: &Check) -> Outcome {
    judge_sentence(&check.id, &check.message)?;
    let has_remedy = check.remedy.iter().any(|step| !step.trim().is_empty());
    let is_right = match check.verdict {
        Verdict::Pass => !has_remedy,
        Verdict::Warn | Verdict::Fail => has_remedy,
        // Another check may say what to do, such as that of the key.
        Verdict::Unknown => true,
    };
    expect(is_right, || {
        format!("the check `{}` has a remedy where none is needed, or none", check.id)
    })
}

fn judge_answer(answered: &Answered) -> Outcome {
    match answered {
        Answered::Ok(value) => judge_value(value),
        Answered::Provider(error) => {
            let own = matches!(error, ProviderError::Refused(_));
            judge(error.problem(), own)
        }
        Answered::Delivery(error) => judge(error.problem(), false),
    }
}

/// Each function, with everything that can go wrong at the provider.
async fn of_function(kit: Arc<Kit>, evidence: Evidence, function: &'static str) -> Outcome {
    let direct = Direct::start(kit, evidence).await?;
    let arguments = ready(&direct, function).await?;
    // What a status report or a new webhook says when nothing is wrong is read by a merchant as well.
    if !matches!(function, "uninstall" | "complete-payment" | "cancel-payment" | "refund-payment") {
        judge_answer(&call(&direct, &arguments).await?)?;
    }
    let faults = [401, 403, 404, 409, 429, 500].map(Fault::Status);
    for fault in faults.into_iter().chain([Fault::Html, Fault::Empty, Fault::CutBefore]) {
        direct.world.interposer.set_fault(Which::Every, fault);
        let answered = call(&direct, &arguments).await;
        direct.world.interposer.clear_fault();
        judge_answer(&answered?)?;
    }
    Ok(())
}

/// The problems of the manifest's rules, and those of wrong credentials.
async fn of_credentials(kit: Arc<Kit>, evidence: Evidence) -> Outcome {
    for field in &kit.plugin.manifest().credentials {
        for rule in &field.rules {
            if let CredentialMeaning::Refused(problem) = &rule.meaning {
                judge(problem, false)?;
            }
        }
    }
    for index in 0..kit.scenario.credentials.wrong.len() {
        if let Some(Err(error)) = install_wrong(Arc::clone(&kit), evidence.clone(), index).await? {
            judge(error.problem(), matches!(error, ProviderError::Refused(_)))?;
        }
    }
    Ok(())
}

/// What the plugin refuses itself.
async fn of_refusals(kit: Arc<Kit>, evidence: Evidence) -> Outcome {
    let direct = Direct::start(kit, evidence).await?;
    for (minor_units, currency) in [(0, "usd"), (100, "xxx"), (100, "USD"), (100, ""), (100, "$")] {
        let mut order = direct.order();
        order.amount = Money { minor_units, currency: currency.to_owned() };
        judge_answer(&call(&direct, &Call::CreatePayment(Box::new(order))).await?)?;
    }
    let open = direct.create(&direct.order()).await?;
    judge_answer(&call(&direct, &Call::RefundPayment(Direct::refund_of(&open))).await?)?;
    let completion = direct.completion(&direct.order(), &open);
    judge_answer(&call(&direct, &Call::CompletePayment(completion)).await?)?;
    for id in ["../x", "unknown-id"] {
        judge_answer(&call(&direct, &Call::GetPayment(id.to_owned())).await?)?;
        judge_answer(&call(&direct, &Call::GetRefund(id.to_owned())).await?)?;
    }
    judge_declined(&direct).await?;
    judge_failed_refund(&direct).await?;
    let paid = direct.paid(&direct.order()).await?;
    judge_answer(&call(&direct, &Call::CancelPayment(paid.id.clone())).await?)
}

/// A payment whose customer was declined says why.
async fn judge_declined(direct: &Direct) -> Outcome {
    if !direct.world.kit.scenario.can(Missing::Declines) {
        return Ok(());
    }
    let declined = direct.create(&direct.order()).await?;
    direct.customer(Action::IsDeclined, &declined).await?;
    let read = direct.get(&declined.id).await?;
    expect(read.failure.is_some(), || {
        "the customer was declined, and `failure` is empty".to_owned()
    })?;
    judge_answer(&call(direct, &Call::GetPayment(declined.id)).await?)
}

/// A refund that has failed says why.
async fn judge_failed_refund(direct: &Direct) -> Outcome {
    let scenario = &direct.world.kit.scenario;
    if !scenario.can(Missing::Refunds) || !scenario.can(Missing::FailedRefunds) {
        return Ok(());
    }
    let paid = direct.paid(&direct.order()).await?;
    direct.world.act(Action::RefundsFail).await?;
    let refund = direct.refund(&Direct::refund_of(&paid)).await?;
    let read = direct.plugin.get_refund(direct.call(), &direct.installation, &refund.id).await;
    let read = direct.expect_ok("get-refund", read)?;
    expect(read.failure.is_some(), || "the refund has failed, and `failure` is empty".to_owned())?;
    judge_answer(&call(direct, &Call::GetRefund(refund.id)).await?)
}

/// Deliveries that are refused.
async fn of_deliveries(kit: Arc<Kit>, evidence: Evidence) -> Outcome {
    let direct = Direct::start(kit, evidence).await?;
    let genuine = crate::conform::functions::delivery(&direct).await?;
    let names = direct.plugin.manifest().signature_headers.clone();
    let mut requests = vec![genuine.request(); 4];
    if let [_, unsigned, changed, empty] = requests.as_mut_slice() {
        unsigned.headers.retain(|(name, _)| !names.contains(name));
        changed.body.push(b' ');
        empty.body.clear();
    }
    for request in requests {
        for at in [genuine.received_at, genuine.received_at + (1 << 30), 0] {
            let handled = direct
                .plugin
                .handle_webhook(direct.call(), at, &direct.installation, &request)
                .await;
            if let Err(error) = direct.told("handle-webhook", handled)? {
                let own = matches!(error, WebhookError::Other(_));
                judge(error.problem(), own)?;
            }
        }
    }
    Ok(())
}

/// Installs with wrong credentials. None: a rule of the manifest refuses them.
async fn install_wrong(
    kit: Arc<Kit>,
    evidence: Evidence,
    index: usize,
) -> Result<Option<Result<(), ProviderError>>, Ending> {
    let made_by = kit.usual_webhook();
    let world = World::start(kit, evidence, Mode::Test).await?;
    let kit = Arc::clone(&world.kit);
    let Some(wrong) = kit.scenario.credentials.wrong.get(index) else { return Ok(None) };
    let given = world.before_install(made_by).await?;
    let mut given: std::collections::BTreeMap<String, secrecy::SecretString> =
        given.iter().map(|(name, value)| (name.to_owned(), value.clone())).collect();
    given.extend(wrong.values.clone());
    let credentials = Credentials::new(given);
    if kit.plugin.rules().classify(&credentials, world.chosen_mode()).is_err() {
        return Ok(None);
    }
    let direct = Direct::prepare(world, made_by, credentials)?;
    let installed = direct.plugin.install(direct.call(), &direct.request).await;
    Ok(Some(direct.told("install", installed)?.map(drop)))
}

async fn wrong(kit: Arc<Kit>, evidence: Evidence, index: usize) -> Outcome {
    use crate::conform::told::Told as _;
    let expected = kit.scenario.credentials.wrong.get(index).map(|wrong| wrong.error.clone());
    let expected = expected.unwrap_or_default();
    let found = match install_wrong(kit, evidence, index).await? {
        None => "rule".to_owned(),
        Some(Ok(())) => "ok".to_owned(),
        Some(Err(error)) => error.case().to_owned(),
    };
    expect(found == expected, || {
        format!("wrong credentials come to `{found}`, and `{expected}` is right")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_from_the_contract() {
        let codes = known_codes();
        assert!(codes.len() > 50, "{codes:?}");
        for code in ["key-missing", "payment-not-found", "outcome-unknown", "not-implemented"] {
            assert!(codes.contains(code), "{code}");
        }
        assert!(
            codes
                .iter()
                .all(|code| code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'))
        );
    }
}
