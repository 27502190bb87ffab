//! The log and the trace, on standard error. Standard output belongs to the result of a command.

use clap::ValueEnum;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::set_global_default;
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{fmt, registry};

use crate::{telemetry, trace};

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

/// Writes a log, a trace or both from now on, until the guard is dropped. Of other crates only what may be wrong is in
/// the log. None: it is not written.
pub fn install(log: Option<LogFormat>, trace: Option<LogFormat>) -> Option<WorkerGuard> {
    if log.is_none() && trace.is_none() {
        return None;
    }
    // Written by a thread of its own: a pipe that nobody reads must not stop what logs. Lines that find no room are
    // dropped and counted. Not buffered: the thread would not end where nobody can read any more, because it flushes first.
    let (writer, guard) =
        NonBlockingBuilder::default().buffered_lines_limit(WAITING_LINES).finish(std::io::stderr());
    telemetry::count_dropped_lines(writer.error_counter());
    let levels = Targets::new()
        .with_target("host_test", LevelFilter::INFO)
        .with_target("ledger", LevelFilter::INFO)
        .with_default(LevelFilter::WARN);
    let of_trace = Targets::new().with_target(trace::TARGET, LevelFilter::TRACE);
    let subscriber = registry()
        .with(log.map(|format| log_lines(format, writer.clone()).with_filter(levels)))
        .with(trace.map(|format| trace_lines(format, writer).with_filter(of_trace)));
    // It can only fail where a log is written already.
    let _ = set_global_default(subscriber);
    Some(guard)
}

type Lines<S> = Box<dyn Layer<S> + Send + Sync>;

fn log_lines<S>(format: LogFormat, writer: NonBlocking) -> Lines<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let lines = fmt::layer().with_writer(writer);
    match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().boxed(),
    }
}

/// A line of the trace has its call, and no time of day: how long something took is in it.
fn trace_lines<S>(format: LogFormat, writer: NonBlocking) -> Lines<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let lines = fmt::layer().with_writer(writer).with_target(false).with_level(false);
    match format {
        LogFormat::Text => lines.without_time().boxed(),
        LogFormat::Json => {
            lines.without_time().json().flatten_event(true).with_span_list(false).boxed()
        }
    }
}
