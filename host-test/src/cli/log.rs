//! The log, on standard error. Standard output belongs to the result of a command.

use clap::ValueEnum;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::set_global_default;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{fmt, registry};

use crate::telemetry;

/// What a line of the log looks like.
#[derive(Clone, Copy, ValueEnum)]
pub enum LogFormat {
    /// For a person.
    Text,
    /// For a program: one JSON object.
    Json,
}

/// How many lines wait to be written. Our own choice: a few megabytes.
const WAITING_LINES: usize = 8192;

/// Writes a log from now on, until the guard is dropped. Of other crates only what may be wrong is in it.
pub fn install(format: LogFormat) -> WorkerGuard {
    // Written by a thread of its own: a pipe that nobody reads must not stop what logs. Lines that find no room are
    // dropped and counted.
    let (writer, guard) =
        NonBlockingBuilder::default().buffered_lines_limit(WAITING_LINES).finish(std::io::stderr());
    telemetry::count_dropped_lines(writer.error_counter());
    let levels = Targets::new()
        .with_target("host_test", LevelFilter::INFO)
        .with_target("ledger", LevelFilter::INFO)
        .with_default(LevelFilter::WARN);
    let lines = fmt::layer().with_writer(writer);
    let subscriber = registry().with(levels);
    // It can only fail where a log is written already.
    let _ = match format {
        LogFormat::Text => set_global_default(subscriber.with(lines)),
        LogFormat::Json => set_global_default(subscriber.with(lines.json())),
    };
    guard
}
