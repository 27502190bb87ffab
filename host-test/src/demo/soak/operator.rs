//! The soak's operator: runs commands as processes that are killed at random, and repeats each until it ends
//! by itself.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::process::Command;

/// How often a command is repeated at most: half of the tries are killed, and the fake Stripe fails now and then.
const TRIES: u32 = 300;

/// Runs commands on one data folder.
pub struct Operator<'a> {
    pub data: &'a Path,
    /// The fake Stripe's origin.
    pub provider: &'a str,
    pub random: fastrand::Rng,
    /// How many commands were killed.
    pub kills: u32,
}

impl Operator<'_> {
    fn command(&self, workspace: &str, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args(arguments)
            .args(["--json", "--workspace", workspace, "--data-dir"])
            .arg(self.data)
            .args(["--provider-origin", &format!("https://api.stripe.com={}", self.provider)])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        Ok(command)
    }

    /// Runs a command until it has ended by itself, and was not only refused for now. Half of the tries are
    /// killed. Returns the exit code, and what it has printed on standard error.
    pub async fn run(&mut self, workspace: &str, arguments: &[&str]) -> Result<(i32, String)> {
        for _ in 0..TRIES {
            let process = self.command(workspace, arguments)?.spawn()?;
            let life = Duration::from_millis(self.random.u64(20..800));
            let is_killed = self.random.bool();
            let output = process.wait_with_output();
            let output = if is_killed {
                match tokio::time::timeout(life, output).await {
                    // Dropped, which kills it with SIGKILL.
                    Err(_) => {
                        self.kills += 1;
                        continue;
                    }
                    Ok(output) => output?,
                }
            } else {
                output.await?
            };
            match output.status.code() {
                // Failed for now: another process holds the ledger, or was at the same payment.
                Some(3) | None => {}
                Some(code) => return Ok((code, String::from_utf8_lossy(&output.stderr).into())),
            }
        }
        bail!("`{}` did not end in {TRIES} tries", arguments.join(" "))
    }

    /// As `run`, and expects success.
    pub async fn must(&mut self, workspace: &str, arguments: &[&str]) -> Result<()> {
        let (code, printed) = self.run(workspace, arguments).await?;
        super::ensure(code == 0, format!("`{}`: {code} {printed}", arguments.join(" ")))
    }

    /// Asks for a payment twice at the same time, and then until there is a page.
    pub async fn pay_twice(&mut self, workspace: &str, reference: &str) -> Result<()> {
        let pay = ["pay", "--amount", "10.50", "--currency", "usd", "--reference", reference];
        let mut first = self.command(workspace, &pay)?.spawn()?;
        let mut second = self.command(workspace, &pay)?.spawn()?;
        tokio::time::sleep(Duration::from_millis(self.random.u64(20..800))).await;
        first.kill().await.context("the first command cannot be killed")?;
        self.kills += 1;
        second.wait().await?;
        self.must(workspace, &pay).await
    }
}
