//! The log, on standard error. Standard output belongs to the result of a command.

use clap::ValueEnum;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::set_global_default;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{fmt, registry};

/// What a line of the log looks like.
#[derive(Clone, Copy, ValueEnum)]
pub enum LogFormat {
    /// For a person.
    Text,
    /// For a program: one JSON object.
    Json,
}

/// Writes a log from now on. Of other crates only what may be wrong is in it.
pub fn install(format: LogFormat) {
    let levels = Targets::new()
        .with_target("host_test", LevelFilter::INFO)
        .with_target("ledger", LevelFilter::INFO)
        .with_default(LevelFilter::WARN);
    let lines = fmt::layer().with_writer(std::io::stderr);
    let subscriber = registry().with(levels);
    // It can only fail where a log is written already.
    let _ = match format {
        LogFormat::Text => set_global_default(subscriber.with(lines)),
        LogFormat::Json => set_global_default(subscriber.with(lines.json())),
    };
}
