//! The command line of `host-test`.

use std::num::NonZero;
use std::process::ExitCode;

fn main() -> ExitCode {
    // Before anything else: this process may be the child of another one, which it must not cost more than it has to.
    host_test::plugin::compile_for_parent().unwrap_or_else(run)
}

fn run() -> ExitCode {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    // At least two, because one may wait for the commit of a change.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores.max(2))
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(host_test::cli::run()),
        Err(error) => {
            eprintln!("The system gives no threads: {error}.");
            ExitCode::FAILURE
        }
    }
}
