//! The conformance kit: runs every rule of the contract against a plugin, offline, at a fake of its provider.
//!
//! It knows no provider: what it has to know of one is in the [`Scenario`]. Each case has a fake of its own. Between
//! the plugin and the fake stands an interposer, which records every exchange and lets some of them go wrong; no other
//! address can be reached.

mod case;
mod direct;
mod door;
mod error;
mod evidence;
mod exchange;
mod fake_process;
mod fault;
mod functions;
mod interposer;
mod journeys;
mod kit;
mod listener;
mod origins;
mod placeholders;
mod report;
mod rules;
mod scenario;
mod shop;
mod told;
mod world;

use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _};

pub use case::{Case, Ending, Rule};
pub use error::KitError;
use evidence::Evidence;
pub use kit::Kit;
pub use report::{CaseReport, Extent, Report, RuleReport, Verdict, junit};
pub use rules::RULES;
pub use scenario::{Counts, Scenario};

/// How many cases run at the same time. Our own choice: each has a process and a few ports.
const AT_ONCE: usize = 8;

/// Which cases to run.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// The name of a rule. None: each one.
    pub rule: Option<String>,
    /// The name of a case of that rule. None: each one.
    pub case: Option<String>,
}

/// Runs the rules. `told` is given each rule's report as soon as it is there.
///
/// # Errors
///
/// There is no such rule or case. What a plugin does wrong is in the report, and why the kit could not go on.
pub async fn run(
    kit: Kit,
    selection: &Selection,
    mut told: impl FnMut(&RuleReport),
) -> Result<Report, KitError> {
    let kit = Arc::new(kit);
    let is_wanted = |rule: &&Rule| selection.rule.as_ref().is_none_or(|name| name == rule.name);
    let wanted: Vec<&'static Rule> = RULES.iter().filter(is_wanted).collect();
    if let (true, Some(name)) = (wanted.is_empty(), &selection.rule) {
        let known = RULES.iter().map(|rule| rule.name).collect();
        return Err(KitError::RuleUnknown { name: name.clone(), known });
    }
    let extent = match selection {
        Selection { rule: None, .. } => Extent::Whole,
        Selection { case: None, .. } => Extent::Rule,
        Selection { .. } => Extent::Case,
    };
    let mut report = Report::new(kit.plugin.manifest(), kit.plugin.sha256(), extent);
    for rule in wanted {
        match run_rule(&kit, rule, selection.case.as_deref()).await {
            Ok(rule) => {
                told(&rule);
                report.rules.push(rule);
            }
            Err(error @ KitError::CaseUnknown { .. }) => return Err(error),
            Err(error) => {
                report.stopped = Some(error.problem());
                break;
            }
        }
    }
    Ok(report)
}

async fn run_rule(
    kit: &Arc<Kit>,
    rule: &'static Rule,
    wanted: Option<&str>,
) -> Result<RuleReport, KitError> {
    let found = (rule.cases)(Arc::clone(kit)).await;
    let cases = match found {
        Ok(cases) => cases,
        Err(Ending::Broken(error)) => return Err(error),
        // A rule whose cases cannot even be found out has one.
        Err(ending) => vec![Case::new("cases", |_, _| async { Err(ending) })],
    };
    let known: Vec<String> = cases.iter().map(|case| case.name.clone()).collect();
    let is_wanted = |case: &Case| wanted.is_none_or(|name| name == case.name);
    let cases: Vec<Case> = cases.into_iter().filter(is_wanted).collect();
    if let (true, Some(name)) = (cases.is_empty(), wanted) {
        return Err(KitError::CaseUnknown { name: name.to_owned(), known });
    }
    let running = cases.into_iter().map(|case| run_case(Arc::clone(kit), rule.name, case));
    let reports: Vec<Result<CaseReport, KitError>> =
        stream::iter(running).buffered(AT_ONCE).collect().await;
    let cases = reports.into_iter().collect::<Result<_, _>>()?;
    Ok(RuleReport { name: rule.name, why: rule.why, cases })
}

async fn run_case(kit: Arc<Kit>, rule: &str, case: Case) -> Result<CaseReport, KitError> {
    let evidence = Evidence::default();
    let begun = std::time::Instant::now();
    // In a task of its own: cases use every core.
    let running = tokio::spawn((case.run)(kit, evidence.clone()));
    let outcome =
        running.await.map_err(|error| KitError::Host(format!("a case broke: {error}")))?;
    let verdict = match outcome {
        Ok(()) => Verdict::Passed,
        Err(Ending::Failed(why)) => Verdict::Failed(evidence.masked(&why)),
        Err(Ending::NotApplicable(why)) => Verdict::NotApplicable(why),
        Err(Ending::NotTested(why)) => Verdict::NotTested(why),
        Err(Ending::Broken(error)) => {
            let case = format!("{rule}/{}", case.name);
            return Err(KitError::InCase { case, error: Box::new(error) });
        }
    };
    Ok(CaseReport {
        name: case.name,
        verdict,
        note: evidence.noted(),
        evidence: evidence.lines(),
        time: begun.elapsed(),
    })
}
