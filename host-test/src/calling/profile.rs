//! What each function of the contract costs, called with the arguments of the examples.

use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;

use super::{Caller, CallingError, Examples};
use crate::contract::types::Installation;
use crate::plugin::Meter;

/// What a function costs.
#[derive(Debug, Serialize)]
pub struct FunctionProfile {
    /// Its name.
    pub function: String,
    /// The time of a call in a fresh instance, in nanoseconds: the median. It has the time of its requests.
    pub time_p50_ns: u64,
    /// WebAssembly instructions of one call.
    pub instructions: u64,
    /// The memory of one call at its end, in bytes.
    pub memory_bytes: usize,
    /// How often one call has called the host.
    pub host_calls: u32,
    /// How many requests it has sent.
    pub requests: u32,
    /// What was measured: `answered`, or the code with which it was refused or ended.
    pub outcome: String,
}

/// Measures each function: its time as often as `calls`, and the rest once. `measured` calls the plugin of the meter.
/// What `install`, `create-payment` and `refund-payment` answer is used in the calls after them.
///
/// # Errors
///
/// The credentials cannot be used, or an argument cannot.
pub async fn profile(
    caller: &Caller,
    (meter, measured): (&Meter, &Caller),
    mut examples: Examples,
    calls: usize,
) -> Result<Vec<FunctionProfile>, CallingError> {
    let mut profiles = Vec::new();
    for signature in caller.signatures() {
        let function = &signature.name;
        let arguments = examples.arguments(function).unwrap_or_default();
        let mut times = Vec::with_capacity(calls);
        let mut answer = None;
        for _ in 0..calls.max(1) {
            let begun = Instant::now();
            let result = caller.dispatch(function, arguments.clone()).await;
            times.push(begun.elapsed());
            answer = Some(ended(result)?);
        }
        // What it answers is what the calls before it have answered.
        let _ = ended(measured.dispatch(function, arguments).await)?;
        let usage = meter.take();
        let answer = answer.unwrap_or_else(|| Err(String::new()));
        if let Ok(answer) = &answer {
            learn(&mut examples, function, answer);
        }
        profiles.push(FunctionProfile {
            function: function.clone(),
            time_p50_ns: median(times),
            instructions: usage.instructions,
            memory_bytes: usage.memory,
            host_calls: usage.host_calls,
            requests: usage.requests,
            outcome: outcome(answer),
        });
    }
    Ok(profiles)
}

/// The answer of a call, or the code with which it was ended.
fn ended(result: Result<Value, CallingError>) -> Result<Result<Value, String>, CallingError> {
    match result {
        Ok(answer) => Ok(Ok(answer)),
        Err(CallingError::Call(error)) => Ok(Err(error.problem().code)),
        Err(other) => Err(other),
    }
}

/// Uses what a function has answered in the calls after it.
fn learn(examples: &mut Examples, function: &str, answer: &Value) {
    let Some(answer) = answer.get("Ok") else { return };
    let id = || Some(answer.get("id")?.as_str()?.to_owned());
    match function {
        "install" => {
            if let Ok(installation) = serde_json::from_value::<Installation>(answer.clone()) {
                examples.installation = installation;
            }
        }
        "create-payment" => examples.payment = id().unwrap_or_default(),
        "refund-payment" => examples.refund = id().unwrap_or_default(),
        _ => {}
    }
}

/// What was measured.
fn outcome(answer: Result<Value, String>) -> String {
    let answer = match answer {
        Ok(answer) => answer,
        Err(code) => return code,
    };
    // The error is a case with a problem.
    let problem =
        answer.get("Err").and_then(Value::as_object).and_then(|cases| cases.values().next());
    let code = problem.and_then(|problem| problem.get("code")?.as_str());
    code.unwrap_or("answered").to_owned()
}

fn median(mut times: Vec<Duration>) -> u64 {
    times.sort_unstable();
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    u64::try_from(median.as_nanos()).unwrap_or(u64::MAX)
}
