//! A real `serve` with a greedy plugin, for the benchmarks.

// No benchmark uses all of it.
#![allow(dead_code)]

pub mod load;
pub mod merchant;
pub mod running;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

const ORIGIN: &str = "https://api.hostile.example";
const LARGE_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 4194304\r\n\r\n";

/// The binary of this build.
pub const OWN: &str = env!("CARGO_BIN_EXE_host-test");
/// The quotas of deliveries that are not verified would turn most of the greedy calls away before they begin. A build of
/// before may not have all of these flags.
pub const WITHOUT_QUOTAS: [&str; 3] = [
    "--hints-per-sender=1000000",
    "--hints-per-installation=1000000",
    "--unverified-per-sender=1000000",
];

/// The host that is measured, and what it is started with.
pub struct Bench {
    pub host: PathBuf,
    pub data: PathBuf,
    pub component: PathBuf,
    pub provider: String,
}

impl Bench {
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.host);
        command.args(arguments).arg("--json").arg("--data-dir").arg(&self.data);
        command.arg("--component").arg(&self.component).args(["--provider-origin", &self.provider]);
        command.env("PLUGIN_HOSTILE_TOKEN", "a-token-of-the-benchmark");
        command.env("PLUGIN_HOSTILE_HOOK_SECRET", "a-secret-of-the-benchmark");
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    /// Installs for a workspace. Returns the query of its URL.
    pub async fn install(&self, workspace: &str) -> String {
        let install = ["install", "--mode", "test", "--webhook", "manual", "--approve-origins"];
        let output =
            self.command(&install).args(["--workspace", workspace]).output().await.unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        let json: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}{error}"));
        let url = json["installation_url"].as_str().unwrap();
        url.split_once("/link-webhook").unwrap().1.to_owned()
    }

    /// Starts `serve`. Returns the URL of deliveries.
    pub async fn serve(&self) -> (Child, String) {
        let mut command = self.command(&["serve", "--listen", "127.0.0.1:0"]);
        if self.host == Path::new(OWN) {
            command.args(WITHOUT_QUOTAS);
        }
        Self::started(command).await
    }

    /// Starts a command that serves. Returns the URL of deliveries.
    pub async fn started(command: Command) -> (Child, String) {
        let (process, line) = start(command).await;
        let (url, _) = line["listening"].as_str().unwrap().split_once("/link-webhook").unwrap();
        (process, format!("{url}/link-webhook"))
    }
}

/// Starts a command that serves. Returns also what it says when it does.
pub async fn start(mut command: Command) -> (Child, Value) {
    let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let line = serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
    // Nothing else is read from it, but the pipe stays open.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    (process, line)
}

/// A provider that answers a request of many (`/128`) with 4 MiB, and any other never.
pub async fn provider() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut open = JoinSet::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            open.spawn(async move {
                let mut head = [0; 1024];
                while let Ok(1..) = stream.read(&mut head).await {
                    if head.starts_with(b"GET /128 ") {
                        let _ = stream.write_all(LARGE_HEAD).await;
                        let _ = stream.write_all(&vec![b'x'; 4 << 20]).await;
                    }
                }
            });
        }
    });
    format!("{ORIGIN}=http://{address}")
}

/// The component, with the origin and more lines of its script.
pub fn component(folder: &Path, more: &str) -> PathBuf {
    let mut bytes = include_bytes!(env!("HOSTILE_GUEST_COMPONENT")).to_vec();
    let mark = b"HOSTILE-SCRIPT:~";
    let start = memchr::memmem::find(&bytes, mark).unwrap() + mark.len() - 1;
    let script = format!("origin={ORIGIN}\n{more}");
    bytes[start..start + script.len()].copy_from_slice(script.as_bytes());
    let path = folder.join("greedy.wasm");
    std::fs::write(&path, bytes).unwrap();
    path
}

/// A number of what the system says about a process, in its own unit. None: it does not say it.
pub fn status_of(process: &Child, field: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id()?)).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

/// The largest resident memory of a process, in MiB, where the system tells it.
pub fn peak_memory(process: &Child) -> Option<u64> {
    Some(status_of(process, "VmHWM:")? / 1024)
}

/// How long a process has computed, on all cores, where the system tells it.
pub fn computed(process: &Child) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.id()?)).ok()?;
    // After the name, which may hold anything: user and system time are the 12th and the 13th field, in hundredths of a
    // second.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut times = fields.split(' ').skip(11);
    let mut next = || times.next()?.parse::<u64>().ok();
    Some(Duration::from_millis((next()? + next()?) * 10))
}
