//! The command line of `host-test`.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    host_test::cli::run().await
}
