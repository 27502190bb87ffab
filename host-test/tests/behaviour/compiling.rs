//! Compiling: what a stranger's component can cost, and which compiled code is believed.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use host_test::bundled;
use host_test::contract::types::WebhookRequest;
use host_test::marketplace::vault_of;
use host_test::plugin::inspect::{self, Inspection};
use host_test::plugin::{
    CompileBound, CompileLimits, CompiledCache, Compiler, LoadError, MAXIMUM_COMPONENT, Meter,
    Plugin,
};
use serde_json::Value;
use tempfile::TempDir;

use super::command_line::{host_test, run};
use super::host::{compiler, plugin};

/// One function with loops in loops, and variables that all of them change: the compiler has to know each variable
/// at the beginning of each loop.
fn bomb(loops: usize, variables: usize) -> Vec<u8> {
    let mut text = format!(
        "(component (core module (func (param i32) (local {}) {}",
        "i32 ".repeat(variables),
        "(loop ".repeat(loops),
    );
    for number in 1..=variables {
        write!(text, "(local.set {number} (i32.add (local.get {number}) (local.get 0)))").unwrap();
    }
    text += &"(br_if 0 (local.get 0)))".repeat(loops);
    text += ")))";
    wat::parse_str(text).unwrap()
}

/// A component that does nothing, different for each number.
fn component(number: u8) -> Vec<u8> {
    let mut component = wat::parse_str("(component)").unwrap();
    component.extend([0, 2, 1, number]);
    component
}

fn with_limits(change: impl FnOnce(&mut CompileLimits)) -> Compiler {
    let mut limits = CompileLimits::default();
    change(&mut limits);
    compiler().with_limits(limits)
}

/// The code that counts for `profile` comes from a process of its own as well, which has none of this one's environment.
#[tokio::test]
async fn code_that_counts_is_compiled_in_the_child() {
    let loaded = plugin().await;
    let meter = |compiler| Meter::new(&loaded, bundled::COMPONENT, compiler);
    let missing = Compiler::new("/no-such-program".into());
    assert!(matches!(meter(missing).await, Err(LoadError::CompilerNotStarted(_))));
    let meter = meter(compiler()).await.unwrap();
    let request = WebhookRequest { headers: vec![], query: String::new(), body: b"{}".to_vec() };
    meter.plugin().identify_webhook(0, &request).await.unwrap();
    assert!(meter.take().instructions > 1000);
}

/// Only what is compiled: none of the components is a plugin.
async fn inspect(component: &[u8], compiler: &Compiler) -> Result<Inspection, LoadError> {
    inspect::inspect(component, compiler).await.map(|inspected| inspected.inspection)
}

async fn refusal(component: &[u8], compiler: &Compiler) -> CompileBound {
    match inspect(component, compiler).await {
        Err(LoadError::TooCostly(bound)) => bound,
        other => panic!("{other:?}"),
    }
}

#[cfg(unix)]
#[tokio::test]
async fn compile_bomb_ends_in_its_child() {
    let small = bomb(300, 300);
    assert!(small.len() < 5_000, "{} bytes", small.len());
    let second = with_limits(|limits| limits.cpu_seconds = 1);
    assert_eq!(refusal(&small, &second).await, CompileBound::ComputingTime(1));
    let narrow = with_limits(|limits| limits.memory = 128 << 20);
    assert_eq!(refusal(&bomb(1000, 1000), &narrow).await, CompileBound::Memory(128 << 20));
    // What is in the way of others is ended, too.
    let time = Duration::from_millis(100);
    let hasty = with_limits(|limits| limits.time = time);
    let began = Instant::now();
    assert_eq!(refusal(&small, &hasty).await, CompileBound::Time(time));
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    // This process goes on.
    assert!(inspect(&component(0), &second).await.is_ok());
}

#[tokio::test]
async fn large_code_is_not_read_to_its_end() {
    let compiler = with_limits(|limits| limits.code = 1000);
    assert_eq!(refusal(bundled::COMPONENT, &compiler).await, CompileBound::Code(1000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_large_component_is_refused_unread() {
    let component = vec![0; MAXIMUM_COMPONENT + 1];
    let bound = CompileBound::Component(MAXIMUM_COMPONENT);
    assert_eq!(refusal(&component, &nobody()).await, bound);
    // A file larger than any memory: it has no content on the disk.
    let data = tempfile::tempdir().unwrap();
    let path = data.path().join("large.wasm");
    fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
    let output = run(host_test(data.path(), &["inspect", path.to_str().unwrap(), "--json"])).await;
    let problem: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!((output.status.code(), &problem["code"]), (Some(4), &"component-too-costly".into()));
}

#[tokio::test]
async fn program_that_is_no_compiler_is_explained() {
    let code = async |program: &str| {
        let compiler = Compiler::new(program.into());
        inspect(&component(0), &compiler).await.unwrap_err().problem().code
    };
    assert_eq!(code("/no/such/program").await, "compiler-not-started");
    #[cfg(unix)]
    for program in ["/bin/true", "/bin/false", "/bin/echo"] {
        assert_eq!(code(program).await, "compiler-failed", "{program}");
    }
}

/// What a child that compiles can see.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compiling_child_sees_no_environment() {
    // What this process has open.
    let secret = tempfile::NamedTempFile::new().unwrap();
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let name_of_socket = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&socket));
    let name_of_socket = fs::read_link(name_of_socket).unwrap();
    // A memory that no other test asks for marks the child.
    let marked = with_limits(|limits| {
        limits.memory = (1 << 30) - 4096;
        limits.time = Duration::from_secs(30);
    });
    let compiling = tokio::spawn(async move { inspect(&bomb(300, 300), &marked).await.map(drop) });
    let mark = ((1_u64 << 30) - 4096).to_string();
    let child = loop {
        let processes = fs::read_dir("/proc").unwrap().map(|process| process.unwrap().path());
        let is_child = |process: &PathBuf| {
            fs::read_to_string(process.join("cmdline")).is_ok_and(|line| line.contains(&mark))
        };
        if let Some(child) = processes.into_iter().find(is_child) {
            break child;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    // It limits itself first.
    let limits = loop {
        let limits = fs::read_to_string(child.join("limits")).unwrap();
        if limits.contains(&mark) {
            break limits;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    let limit = |name: &str| {
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().filter_map(|word| word.parse().ok()).collect::<Vec<u64>>()
    };
    assert_eq!(limit("Max cpu time"), [60, 61]);
    assert_eq!(limit("Max core file size"), [0, 0]);
    assert_eq!(limit("Max file size"), [0, 0]);
    assert!(fs::read(child.join("environ")).unwrap().is_empty());
    assert_eq!(fs::read_link(child.join("cwd")).unwrap(), Path::new("/"));
    let file = |name: &str| {
        fs::read_link(child.join("fd").join(name))
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    // The pipe of its input is closed when the component was sent.
    assert!(file("1").starts_with("pipe:") && file("2") == "/dev/null");
    let others = fs::read_dir(child.join("fd")).unwrap().map(|one| one.unwrap().file_name());
    for other in others.map(|name| file(name.to_str().unwrap())) {
        assert!(Path::new(&other) != secret.path() && Path::new(&other) != name_of_socket);
    }
    // Without its parent's interest it is ended.
    compiling.abort();
    assert!(compiling.await.unwrap_err().is_cancelled());
    let began = Instant::now();
    while fs::read_to_string(child.join("cmdline")).is_ok_and(|line| line.contains(&mark)) {
        assert!(began.elapsed() < Duration::from_secs(10), "it still runs");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A data folder with a cache of compiled code.
struct Data(TempDir);

impl Data {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn cache(&self) -> Option<CompiledCache> {
        CompiledCache::open(self.0.path(), &vault_of(self.0.path()).unwrap().read().unwrap())
    }

    fn folder(&self) -> PathBuf {
        self.0.path().join("compiled")
    }

    fn files(&self) -> Vec<PathBuf> {
        fs::read_dir(self.folder()).unwrap().map(|file| file.unwrap().path()).collect()
    }

    async fn compile(&self, component: &[u8]) -> Result<Inspection, LoadError> {
        inspect(component, &compiler().with_cache(self.cache())).await
    }

    /// Whether the component is in the cache, and is believed.
    async fn has(&self, component: &[u8]) -> bool {
        match inspect(component, &nobody().with_cache(self.cache())).await {
            Ok(_) => true,
            Err(LoadError::CompilerNotStarted(_)) => false,
            Err(error) => panic!("{error}"),
        }
    }
}

/// A compiler that cannot compile.
fn nobody() -> Compiler {
    Compiler::new("/no/such/program".into())
}

#[tokio::test]
async fn cached_code_is_used_the_second_time() {
    let data = Data::new();
    let load = async |compiler: Compiler| {
        let plugin = Plugin::load(bundled::COMPONENT, &compiler.with_cache(data.cache())).await;
        plugin.map(|plugin| plugin.manifest().provider_id.clone())
    };
    assert!(matches!(load(nobody()).await, Err(LoadError::CompilerNotStarted(_))));
    assert_eq!(load(compiler()).await.unwrap(), "STRIPE");
    assert_eq!(load(nobody()).await.unwrap(), "STRIPE");
    assert_eq!(data.files().len(), 1);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&data.folder()), mode(&data.files()[0])), (0o700, 0o600));
    }
}

#[tokio::test]
async fn refused_component_is_not_cached() {
    let data = Data::new();
    let invalid = [&component(0)[..], &[255]].concat();
    assert!(matches!(data.compile(&invalid).await, Err(LoadError::NotAComponent(_))));
    assert!(data.files().is_empty());
}

#[tokio::test]
async fn changed_cache_is_not_trusted() {
    let data = Data::new();
    let (one, other) = (component(1), component(2));
    data.compile(&one).await.unwrap();
    let [path] = data.files().try_into().unwrap();
    let stored = fs::read(&path).unwrap();
    let mut changed = Vec::new();
    // The code of authentication, the first byte of machine code, and others up to the last.
    for position in [0, 31, 32, 100, stored.len() / 2, stored.len() - 1] {
        let mut bytes = stored.clone();
        bytes[position] ^= 1;
        changed.push(bytes);
    }
    for length in [0, 1, 31, 32, 33, stored.len() - 1] {
        changed.push(stored[..length].to_vec());
    }
    changed.push([&stored[..], &[0]].concat());
    for bytes in changed {
        fs::write(&path, &bytes).unwrap();
        assert!(!data.has(&one).await);
        // It is compiled again, and what is stored then is right.
        data.compile(&one).await.unwrap();
        assert_eq!(fs::read(&path).unwrap(), stored);
        assert!(data.has(&one).await);
    }

    // Genuine code of another component.
    data.compile(&other).await.unwrap();
    let of_other = data.files().into_iter().find(|file| *file != path).unwrap();
    let other_stored = fs::read(&of_other).unwrap();
    fs::write(&path, &other_stored).unwrap();
    fs::write(&of_other, &stored).unwrap();
    assert!(!data.has(&one).await && !data.has(&other).await);
    data.compile(&one).await.unwrap();
    data.compile(&other).await.unwrap();
    assert!(data.has(&one).await && data.has(&other).await);

    // No file at all, and none that could be read into the memory.
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(!data.has(&one).await);
    assert!(data.compile(&one).await.is_ok());
    fs::remove_dir(&path).unwrap();
    fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
    assert!(!data.has(&one).await);
    data.compile(&one).await.unwrap();
    assert!(data.has(&one).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cache_needs_the_key() {
    let (data, other) = (Data::new(), Data::new());
    data.compile(&component(1)).await.unwrap();
    // The same files under another key.
    assert!(!other.has(&component(1)).await);
    for file in data.files() {
        fs::copy(&file, other.folder().join(file.file_name().unwrap())).unwrap();
    }
    assert!(!other.has(&component(1)).await);
    fs::copy(data.0.path().join("vault.key"), other.0.path().join("vault.key")).unwrap();
    assert!(other.has(&component(1)).await);

    // A command that needs no secrets works without a key, and without a data folder.
    let data = tempfile::tempdir().unwrap();
    fs::write(data.path().join("vault.key"), "short").unwrap();
    assert_eq!(run(host_test(data.path(), &["inspect"])).await.status.code(), Some(0));
    assert!(!data.path().join("compiled").exists());
    let file = data.path().join("vault.key");
    assert_eq!(run(host_test(&file, &["inspect"])).await.status.code(), Some(0));
    // A ledger that has lost its key is given none.
    fs::remove_file(&file).unwrap();
    fs::write(data.path().join("ledger.sqlite"), "").unwrap();
    assert_eq!(run(host_test(data.path(), &["inspect"])).await.status.code(), Some(0));
    assert!(!file.exists() && !data.path().join("compiled").exists());
}

#[tokio::test]
async fn cache_is_bounded() {
    let data = Data::new();
    for number in 0..8 {
        data.compile(&component(number)).await.unwrap();
        // The times of use are some seconds apart, and the first component is the one that was used last.
        for (age, file) in (0..).map(|age| 60 * age).zip(by_age(&data)) {
            set_age(&file, age + 60);
        }
    }
    assert!(data.has(&component(0)).await);
    // What a killed writer has left is deleted later, and what is not ours never.
    let (unfinished, written, foreign) = (
        data.folder().join("new-killed"),
        data.folder().join("new-in-writing"),
        data.folder().join("notes.txt"),
    );
    for file in [&unfinished, &written, &foreign] {
        fs::write(file, "x").unwrap();
    }
    set_age(&unfinished, 2 * 3600);
    set_age(&foreign, 2 * 3600);
    for number in 8..10 {
        data.compile(&component(number)).await.unwrap();
    }
    assert!(!unfinished.exists() && written.exists() && foreign.exists());
    let mut kept = Vec::new();
    for number in 0..10 {
        if data.has(&component(number)).await {
            kept.push(number);
        }
    }
    assert_eq!(kept, [0, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(data.files().len(), 8 + 2);
}

/// The files of the cache, the newest first.
fn by_age(data: &Data) -> Vec<PathBuf> {
    let mut files = data.files();
    files.sort_by_key(|file| std::cmp::Reverse(fs::metadata(file).unwrap().modified().unwrap()));
    files
}

fn set_age(file: &Path, seconds: u64) {
    let time = SystemTime::now() - Duration::from_secs(seconds);
    fs::File::options().write(true).open(file).unwrap().set_modified(time).unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn folder_that_others_can_write_to_is_no_cache() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let data = Data::new();
    data.compile(&component(1)).await.unwrap();
    for (mode, is_used) in [(0o770, false), (0o702, false), (0o755, true), (0o700, true)] {
        fs::set_permissions(data.folder(), PermissionsExt::from_mode(mode)).unwrap();
        assert_eq!(data.cache().is_some(), is_used, "{mode:o}");
        assert_eq!(data.has(&component(1)).await, is_used, "{mode:o}");
    }
    let elsewhere = data.0.path().join("elsewhere");
    fs::rename(data.folder(), &elsewhere).unwrap();
    symlink(&elsewhere, data.folder()).unwrap();
    assert!(data.cache().is_none());
    fs::remove_file(data.folder()).unwrap();
    fs::write(data.folder(), "a file").unwrap();
    assert!(data.cache().is_none());
    // It is compiled all the same.
    data.compile(&component(1)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_share_the_cache() {
    let data = Data::new();
    let body = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/payloads/bench.payment_intent.succeeded.3k.json"
    );
    let verify = ["webhook", "verify", body, "--received-at", "1"];
    for arguments in [&verify[..], &["status"], &["inspect"]] {
        let mut command = host_test(data.0.path(), arguments);
        command.env("WEBHOOK_SECRETS", "secret");
        run(command).await;
        assert_eq!(data.files().len(), 1, "{arguments:?}");
        assert!(data.has(bundled::COMPONENT).await);
    }
}

/// What no plugin needs is refused by the compiler, so that no stranger can attack it.
#[tokio::test]
async fn unusual_features_of_webassembly_are_refused() {
    let compiles = async |module: &str| {
        let component = wat::parse_str(format!("(component (core module {module}))")).unwrap();
        match inspect(&component, &compiler()).await {
            Ok(_) => true,
            Err(LoadError::NotAComponent(_)) => false,
            Err(error) => panic!("{error}"),
        }
    };
    for module in [
        "(memory i64 1)",
        "(memory 1 1 shared)",
        "(tag (param i32))",
        "(type (struct (field i32)))",
        "(func (param externref))",
        "(type $f (func)) (func (param (ref $f)) (call_ref $f (local.get 0)))",
        "(func (param v128) (result v128)
            (i8x16.relaxed_swizzle (local.get 0) (local.get 0)))",
        "(func (param i64 i64 i64 i64) (result i64 i64)
            (i64.add128 (local.get 0) (local.get 1) (local.get 2) (local.get 3)))",
        "(memory 1 (pagesize 1))",
    ] {
        assert!(!compiles(module).await, "{module}");
    }
    for module in [
        "(func (param v128) (result v128) (i8x16.neg (local.get 0)))",
        "(import \"a\" \"b\" (memory 1)) (memory 1)",
        "(memory 1) (data (i32.const 0) \"x\") (func (memory.fill (i32.const 0) (i32.const 1) (i32.const 2)))",
        "(func (result i32 i32) (i32.const 1) (i32.const 2))",
        "(table 1 funcref) (func (result funcref) (table.get (i32.const 0)))",
        "(func $f (return_call $f))",
        "(global i32 (i32.add (i32.const 1) (i32.const 2)))",
        "(func (param f64) (result i32) (i32.trunc_sat_f64_s (local.get 0)))",
    ] {
        assert!(compiles(module).await, "{module}");
    }
}
