//! The report: for a person, for a program, and as `JUnit` for a build server.

mod junit;

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use super::case::described;
use super::rules::RULES;
use crate::contract::types::{Manifest, Problem};
use crate::foreign::one_line;

pub use junit::junit;

/// How much of a line of evidence is printed, in characters. Our own choice.
const SHOWN_LINE: usize = 220;
/// How many lines of evidence are printed of a case. Our own choice: the last ones tell the most.
const SHOWN_EVIDENCE: usize = 12;

/// What a case comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The plugin keeps the rule.
    Passed,
    /// It does not: why.
    Failed(String),
    /// The rule does not apply: why.
    NotApplicable(String),
    /// The scenario does not say what the case needs: why.
    NotTested(String),
}

impl Verdict {
    /// For a program.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed(_) => "failed",
            Self::NotApplicable(_) => "not applicable",
            Self::NotTested(_) => "not tested",
        }
    }

    fn reason(&self) -> Option<&str> {
        match self {
            Self::Passed => None,
            Self::Failed(why) | Self::NotApplicable(why) | Self::NotTested(why) => Some(why),
        }
    }
}

/// One case.
#[derive(Clone, Debug)]
pub struct CaseReport {
    /// Its name.
    pub name: String,
    /// What it came to.
    pub verdict: Verdict,
    /// What else there is to say, such as what a call has used.
    pub note: Option<String>,
    /// What was sent and came back, in order, without secrets.
    pub evidence: Vec<String>,
    /// How long it took.
    pub time: Duration,
}

/// One rule.
#[derive(Clone, Debug)]
pub struct RuleReport {
    /// Its name.
    pub name: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// Its cases.
    pub cases: Vec<CaseReport>,
}

impl RuleReport {
    /// What the rule came to: the worst of its cases.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let is_failed = |case: &&CaseReport| matches!(case.verdict, Verdict::Failed(_));
        if let Some(case) = self.cases.iter().find(is_failed) {
            return case.verdict.clone();
        }
        let is_not_tested = |case: &&CaseReport| matches!(case.verdict, Verdict::NotTested(_));
        if let Some(case) = self.cases.iter().find(is_not_tested) {
            return case.verdict.clone();
        }
        if self.cases.iter().any(|case| case.verdict == Verdict::Passed) {
            return Verdict::Passed;
        }
        let first = self.cases.first().map(|case| case.verdict.clone());
        first.unwrap_or_else(|| Verdict::NotApplicable("it has no case".to_owned()))
    }

    fn count(&self, wanted: &str) -> usize {
        self.cases.iter().filter(|case| case.verdict.as_str() == wanted).count()
    }
}

/// The report of a run.
#[derive(Clone, Debug)]
pub struct Report {
    /// The provider's id.
    pub provider: String,
    /// The plugin's version.
    pub version: String,
    /// The SHA-256 of the component.
    pub sha256: String,
    /// What was run.
    pub extent: Extent,
    /// The rules, in order.
    pub rules: Vec<RuleReport>,
    /// Why the run has ended before its end.
    pub stopped: Option<Problem>,
}

/// How much of the contract was run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Every rule.
    Whole,
    /// One rule.
    Rule,
    /// One case.
    Case,
}

impl Report {
    /// A report without rules.
    #[must_use]
    pub fn new(manifest: &Manifest, sha256: &str, extent: Extent) -> Self {
        Self {
            provider: manifest.provider_id.clone(),
            version: one_line(&manifest.version).into_owned(),
            sha256: sha256.to_owned(),
            extent,
            rules: Vec::new(),
            stopped: None,
        }
    }

    /// Whether all that applies was tested, and no case has failed.
    #[must_use]
    pub fn has_passed(&self) -> bool {
        let is_good = |rule: &RuleReport| rule.count("failed") + rule.count("not tested") == 0;
        self.stopped.is_none() && self.rules.iter().all(is_good)
    }

    /// For a program. `command` is the one that was run, without `--rule` and `--case`.
    #[must_use]
    pub fn json(&self, command: &str) -> Value {
        let case = |rule: &RuleReport, case: &CaseReport| {
            json!({
                "case": case.name,
                "verdict": case.verdict.as_str(),
                "reason": case.verdict.reason(),
                "note": case.note,
                "milliseconds": u64::try_from(case.time.as_millis()).unwrap_or(u64::MAX),
                "evidence": case.evidence,
                "repeat": repeat(command, rule, case),
            })
        };
        let rules = self.rules.iter().map(|rule| {
            let cases: Vec<Value> = rule.cases.iter().map(|of| case(rule, of)).collect();
            json!({
                "rule": rule.name,
                "why": rule.why,
                "verdict": rule.verdict().as_str(),
                "cases": cases,
            })
        });
        json!({
            "provider": self.provider,
            "version": self.version,
            "sha256": self.sha256,
            "passed": self.has_passed(),
            "whole": self.extent == Extent::Whole && self.stopped.is_none(),
            "stopped": self.stopped,
            "rules": rules.collect::<Vec<_>>(),
        })
    }

    /// The last lines for a person.
    #[must_use]
    pub fn summary(&self) -> String {
        let count =
            |verdict: &str| self.rules.iter().map(|rule| rule.count(verdict)).sum::<usize>();
        let names = |verdict: &str| {
            let with = self.rules.iter().filter(|rule| rule.count(verdict) > 0);
            with.map(|rule| rule.name).collect::<Vec<_>>().join(", ")
        };
        let counts = format!(
            "Rules: {}. Cases: {}, of which {} passed, {} failed, {} do not apply, {} not tested",
            self.rules.len(),
            self.rules.iter().map(|rule| rule.cases.len()).sum::<usize>(),
            count("passed"),
            count("failed"),
            count("not applicable"),
            count("not tested"),
        );
        let (failed, not_tested) = (names("failed"), names("not tested"));
        let plugin = format!("{} {}", self.provider, self.version);
        let mark = if self.has_passed() { "✓" } else { "✗" };
        let part = match self.extent {
            Extent::Whole => None,
            Extent::Rule => Some(format!("{} of {} rules", self.rules.len(), RULES.len())),
            Extent::Case => Some("1 case".to_owned()),
        };
        let said = if let Some(part) = part {
            let verdict = self.rules.first().map(RuleReport::verdict);
            format!("{part}: {}", verdict.as_ref().map_or("not run", Verdict::as_str))
        } else if !failed.is_empty() {
            format!("{plugin} does not keep: {failed}")
        } else if self.has_passed() {
            format!("{plugin} keeps the contract")
        } else {
            format!("It is not known whether {plugin} keeps the contract")
        };
        let mut text = format!("{mark} {said}. {counts}.");
        if !not_tested.is_empty() {
            let _ = write!(
                text,
                "\nNot tested: {not_tested}. Say in the scenario how, or list in `no` what the provider cannot do."
            );
        }
        if let Some(problem) = &self.stopped {
            let remedy = problem.remedy.join(" ");
            let _ = write!(text, "\nThe run has stopped: {} {remedy}", described(problem));
        }
        text
    }
}

/// The command that repeats one case.
fn repeat(command: &str, rule: &RuleReport, case: &CaseReport) -> String {
    format!("{command} --case {}/{}", rule.name, case.name)
}

impl RuleReport {
    /// For a person: a line for the rule, and for each case that did not pass what happened. `with_evidence`: of
    /// each case that was run.
    #[must_use]
    pub fn text(&self, command: &str, with_evidence: bool) -> String {
        let (passed, unused) = (self.count("passed"), self.count("not applicable"));
        let mut text = match self.verdict() {
            Verdict::Passed if unused > 0 => {
                format!("✓ {}: {} ({unused} not applicable)\n", self.name, cases(passed))
            }
            Verdict::Passed => format!("✓ {}: {}\n", self.name, cases(passed)),
            Verdict::Failed(_) => {
                format!(
                    "✗ {}: {} of {} failed\n",
                    self.name,
                    self.count("failed"),
                    cases(self.cases.len())
                )
            }
            Verdict::NotApplicable(why) => format!("? {}: not applicable: {why}\n", self.name),
            Verdict::NotTested(_) => {
                let not_tested = self.count("not tested");
                format!(
                    "✗ {}: {} of {} not tested\n",
                    self.name,
                    not_tested,
                    cases(self.cases.len())
                )
            }
        };
        if matches!(self.verdict(), Verdict::Failed(_)) {
            let _ = writeln!(text, "  Why it matters: {}", self.why);
        }
        for case in &self.cases {
            match &case.verdict {
                Verdict::Passed if !with_evidence => {
                    if let Some(note) = &case.note {
                        let _ = writeln!(text, "  - {note}");
                    }
                }
                Verdict::Failed(why) => {
                    let _ = writeln!(text, "\n  {}/{}: {why}", self.name, case.name);
                    evidence(
                        &mut text,
                        case,
                        if with_evidence { usize::MAX } else { SHOWN_EVIDENCE },
                    );
                    let _ = writeln!(text, "    Repeat it: {}\n", repeat(command, self, case));
                }
                Verdict::NotApplicable(why)
                    if !with_evidence && !matches!(self.verdict(), Verdict::NotApplicable(_)) =>
                {
                    let _ = writeln!(text, "  - {} is not applicable: {why}", case.name);
                }
                Verdict::NotTested(why) => {
                    let _ = writeln!(text, "  - {} is not tested: {why}", case.name);
                }
                _ if with_evidence => {
                    let _ =
                        writeln!(text, "  {}/{}: {}", self.name, case.name, case.verdict.as_str());
                    evidence(&mut text, case, usize::MAX);
                }
                _ => {}
            }
        }
        text
    }
}

fn evidence(text: &mut String, case: &CaseReport, most: usize) {
    let left_out = case.evidence.len().saturating_sub(most);
    if left_out > 0 {
        let _ = writeln!(text, "    … {left_out} lines before");
    }
    for line in case.evidence.iter().skip(left_out) {
        let shown =
            if most == usize::MAX { line.into() } else { crate::foreign::line(line, SHOWN_LINE) };
        let _ = writeln!(text, "    {shown}");
    }
}

fn cases(count: usize) -> String {
    if count == 1 { "1 case".to_owned() } else { format!("{count} cases") }
}
