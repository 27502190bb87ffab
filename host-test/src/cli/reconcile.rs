//! `reconcile` and `ledger restored`.

use std::fmt::Write as _;
use std::io::IsTerminal as _;

use clap::Subcommand;

use super::CommandError;
use super::output::{Output, badge, problem_text};
use crate::marketplace::{ErrorKind, Marketplace, ReconciliationFailure, ReconciliationSummary};
use crate::views;

/// The commands about the ledger.
#[derive(Subcommand)]
pub enum LedgerCommand {
    /// Says that a backup was restored: nothing is charged until the events since then are listed
    ///
    /// Run it before `host-test serve` and before any flow runs. In every workspace `pay` is closed until a
    /// reconciliation has listed what happened since the backup, so that a reference that was paid since then is
    /// not sold again.
    Restored,
}

pub async fn reconcile(marketplace: &Marketplace, as_json: bool) -> Result<Output, CommandError> {
    let is_watched = !as_json && std::io::stderr().is_terminal();
    let reconciled = marketplace
        .reconcile(|summary| {
            if is_watched {
                eprint!("\r{}", sentence(summary));
            }
        })
        .await;
    if is_watched {
        eprintln!();
    }
    let summary = reconciled?;
    let badge =
        marketplace.mode().await?.map_or_else(String::new, |mode| format!("{} ", badge(mode)));
    let mut text = format!("{badge}{}", sentence(&summary));
    if summary.failed > 0 {
        let _ = write!(text, "\nThis failed ({} in all):", summary.failed);
    }
    for failure in &summary.failures {
        let _ = write!(text, "\n✗ {}: {}", failure.what, problem_text(&failure.problem));
    }
    let is_refused = |failure: &ReconciliationFailure| failure.kind == ErrorKind::Refused;
    let exit_code = match summary.failed {
        0 => 0,
        _ if summary.failures.iter().any(is_refused) => 1,
        _ => 3,
    };
    Ok(Output::new(views::reconciliation(&summary), text).exit_code(exit_code))
}

fn sentence(summary: &ReconciliationSummary) -> String {
    format!(
        "{} events listed, {} of them new; {} unfinished payments checked, {} of them changed.",
        summary.listed, summary.new, summary.asked, summary.changed
    )
}

pub async fn restored(marketplace: &Marketplace) -> Result<Output, CommandError> {
    let closed = marketplace.record_restored().await?;
    let mut text = match closed.len() {
        0 => "Nothing is installed here, so there is nothing to list.".to_owned(),
        1 => "1 installation creates no payment until the events since the backup are listed."
            .to_owned(),
        number => format!(
            "{number} installations create no payment until the events since the backup are listed."
        ),
    };
    if !closed.is_empty() {
        text.push_str("\n→ Run `host-test serve`, or `host-test reconcile` in each workspace. `host-test attention` says what is still closed.");
    }
    Ok(Output::new(views::restored(&closed), text))
}
