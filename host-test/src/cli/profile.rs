//! `profile`: what each function of the contract costs.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::global::Global;
use super::output::Output;
use super::{CommandError, call, stand_in};
use crate::calling::{Caller, Examples, FunctionProfile, profile};
use crate::plugin::{Meter, Plugin};

/// The arguments of `profile`.
#[derive(Args)]
pub struct ProfileArgs {
    /// The component's file, or `built-in`
    component_file: PathBuf,
    /// How often the time of each function is measured
    #[arg(long, value_name = "N", default_value_t = 20)]
    calls: usize,
}

impl ProfileArgs {
    /// The file of the component. None: the built-in one.
    pub fn component(&self) -> Option<PathBuf> {
        call::component(&self.component_file)
    }
}

pub async fn run(global: &Global, args: ProfileArgs) -> Result<Output, CommandError> {
    let bytes = global.component()?;
    let plugin = Plugin::load(&bytes, &global.looking_compiler()?).await?;
    let meter = Meter::new(&plugin, &bytes, global.looking_compiler()?).await?;
    let overrides = global.stand_ins([&plugin])?;
    let given = stand_in::credentials(&plugin, &overrides)?.unwrap_or_default();
    let caller = |plugin: &Plugin| {
        let secrets = call::signing_secrets().unwrap_or_default();
        Caller::new(plugin.clone(), &overrides, given.clone(), secrets)
    };
    let examples = Examples::new(plugin.manifest(), plugin.now());
    let measured = caller(meter.plugin())?;
    let figures = profile(&caller(&plugin)?, (&meter, &measured), examples, args.calls).await?;
    Ok(Output::new(json!({ "calls": args.calls, "functions": figures }), table(&figures)))
}

fn table(figures: &[FunctionProfile]) -> String {
    let mut text = format!(
        "{:<17} {:>10} {:>13} {:>11} {:>10} {:>8}  {}",
        "function", "p50, ms", "instructions", "memory, KiB", "host calls", "requests", "measured"
    );
    for figure in figures {
        let microseconds = figure.time_p50_ns / 1000;
        let time = format!("{}.{:03}", microseconds / 1000, microseconds % 1000);
        let _ = write!(
            text,
            "\n{:<17} {time:>10} {:>13} {:>11} {:>10} {:>8}  {}",
            figure.function,
            figure.instructions,
            figure.memory_bytes >> 10,
            figure.host_calls,
            figure.requests,
            figure.outcome
        );
    }
    text
}
