//! The command line of `host-test`.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Before anything else: this process may be the child of another one, which it must not cost more than it has to.
    host_test::plugin::compile_for_parent().unwrap_or_else(run)
}

#[tokio::main]
async fn run() -> ExitCode {
    host_test::cli::run().await
}
