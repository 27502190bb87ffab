//! `status`, once or repeatedly.

use std::io::IsTerminal as _;
use std::time::Duration;

use super::CommandError;
use super::output::{Output, badge, print_line};
use super::report::{changes, checks_text, details};
use super::serve::interrupted;
use crate::contract::types::Verdict;
use crate::marketplace::Marketplace;
use crate::views;
use clap::Args;

/// The escape codes that move the cursor to the top and clear the screen below it.
const CLEAR_SCREEN: &str = "\u{1b}[H\u{1b}[J";

/// The arguments of `status`.
#[derive(Args)]
pub struct StatusArgs {
    /// Repeat every few seconds until interrupted
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true,
        default_missing_value = "5", value_parser = clap::value_parser!(u64).range(1..=3600))]
    watch: Option<u64>,
}

pub async fn status(
    marketplace: &Marketplace,
    args: StatusArgs,
    as_json: bool,
) -> Result<Output, CommandError> {
    let Some(seconds) = args.watch else {
        return report(marketplace).await;
    };
    let mut interval = tokio::time::interval(Duration::from_secs(seconds));
    let stop = interrupted();
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => return Ok(Output::silent()),
            _ = interval.tick() => {}
        }
        let output = tokio::select! {
            () = &mut stop => return Ok(Output::silent()),
            report = report(marketplace) => report?,
        };
        if !as_json && std::io::stdout().is_terminal() {
            print_line(CLEAR_SCREEN);
        }
        output.print(as_json);
    }
}

async fn report(marketplace: &Marketplace) -> Result<Output, CommandError> {
    let (connection, report) = marketplace.status().await?;
    let mut text = format!("{} {}\n", badge(connection.mode), connection.provider);
    text.push_str(&details(&connection));
    text.push_str(&changes(&connection));
    text.push_str(&checks_text(&report.checks));
    let json = views::connection(&connection, &report.checks);
    let has_failed = report.checks.iter().any(|check| check.verdict == Verdict::Fail);
    Ok(Output::new(json, text.trim_end()).exit_code(u8::from(has_failed)))
}
