//! `conform`: runs the rules of the contract against a plugin.

use std::path::PathBuf;

use clap::Args;

use super::output::{Output, print_line, shell_word};
use super::plugin::read_component;
use super::{CommandError, Global};
use crate::conform::{self, Kit, KitError, RuleReport, Scenario, Selection};
use crate::contract::types::Problem;
use crate::marketplace::ErrorKind;
use crate::plugin::Plugin;
use crate::views::printable;

/// The exit code when the rules could not be run: that of `ErrorKind::Broken`.
const BROKEN: u8 = 4;

/// The arguments of `conform`.
#[derive(Args)]
pub struct ConformArgs {
    /// The component's file [default: the built-in one]
    component_file: Option<PathBuf>,
    /// The file that says how the provider's fake is started, and what it does
    #[arg(long, value_name = "FILE")]
    scenario: PathBuf,
    /// Run this rule only
    #[arg(long, value_name = "NAME")]
    rule: Option<String>,
    /// Run this case only, and print all that was sent and came back
    #[arg(long, value_name = "RULE/CASE", conflicts_with = "rule")]
    case: Option<String>,
    /// Write the report as `JUnit` XML as well
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

impl ConformArgs {
    /// The command without `--rule` and `--case`. `component`: the file that is judged.
    fn command(&self, component: Option<&PathBuf>) -> String {
        let component =
            component.map(|path| format!("{} ", shell_word(&path.display().to_string())));
        let scenario = shell_word(&self.scenario.display().to_string());
        format!("host-test conform {}--scenario {scenario}", component.unwrap_or_default())
    }

    fn selection(&self) -> Selection {
        match self.case.as_deref().map(|case| case.split_once('/').unwrap_or((case, ""))) {
            Some((rule, case)) => {
                Selection { rule: Some(rule.to_owned()), case: Some(case.to_owned()) }
            }
            None => Selection { rule: self.rule.clone(), case: None },
        }
    }
}

pub async fn conform(args: ConformArgs, global: &Global) -> Result<Output, CommandError> {
    let file = args.component_file.as_ref().or(global.component.as_ref());
    let component = match file {
        Some(path) => read_component(path)?,
        None => crate::bundled::COMPONENT.to_vec(),
    };
    let scenario = Scenario::read(&args.scenario)?;
    let plugin = Plugin::load(&component, &global.looking_compiler()?).await?;
    let kit = Kit::new(plugin, scenario)?;
    let (command, selection) = (args.command(file), args.selection());
    let print = |rule: &RuleReport| {
        if !global.json {
            let text = rule.text(&command, selection.case.is_some());
            print_line(printable(&text).trim_end());
        }
    };
    let report = Box::pin(conform::run(kit, &selection, print)).await?;
    if let Some(path) = &args.junit {
        std::fs::write(path, conform::junit(&report)).map_err(KitError::ReportUnwritable)?;
    }
    let exit_code = match &report.stopped {
        Some(_) => BROKEN,
        None => u8::from(!report.has_passed()),
    };
    Ok(Output::new(report.json(&command), report.summary()).exit_code(exit_code))
}

impl From<KitError> for CommandError {
    fn from(error: KitError) -> Self {
        let problem: Problem = error.problem();
        Self::Problem(problem, ErrorKind::Broken)
    }
}
