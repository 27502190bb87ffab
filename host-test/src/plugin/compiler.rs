//! Compiling a component: in a process of its own, or not at all if its code is in the cache.

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;
use wasmtime::Engine;
use wasmtime::component::Component;

use super::bounds::Bound;
use super::compile_child::{self, MAXIMUM_COMPONENT};
use super::compiled_cache::CompiledCache;
use super::compiled_code::{CompiledCode, MAXIMUM_CODE};
use super::engine::Counting;
use super::error::{CompileBound, LoadError, shown};
use crate::foreign::one_line;

/// How many components are compiled at the same time. Each may need all of its memory.
static CHILDREN: Semaphore = Semaphore::const_new(2);

/// What compiling one component may cost. Our own choice: the slowest guests that we know, in Python and in
/// JavaScript with their interpreters, need about 15 seconds and 400 MB.
#[derive(Clone, Copy, Debug)]
pub struct CompileLimits {
    /// The seconds that all threads compute together.
    pub cpu_seconds: u64,
    /// The memory in bytes.
    pub memory: u64,
    /// The time by the clock, from its start. It also ends a process that does not compute.
    pub time: Duration,
    /// The size of the machine code in bytes. This process holds it twice for a moment.
    pub code: usize,
}

impl Default for CompileLimits {
    fn default() -> Self {
        Self { cpu_seconds: 60, memory: 1 << 30, time: Duration::from_mins(2), code: MAXIMUM_CODE }
    }
}

/// Compiles components.
#[derive(Debug)]
pub struct Compiler {
    executable: PathBuf,
    limits: CompileLimits,
    counting: Counting,
    cache: Option<CompiledCache>,
}

impl Compiler {
    /// A compiler without a cache. The executable, an absolute path, is `host-test` or another program that calls
    /// [`compile_for_parent`](super::compile_for_parent) first. It is started once for each component.
    #[must_use]
    pub fn new(executable: PathBuf) -> Self {
        let (limits, counting) = (CompileLimits::default(), Counting::default());
        Self { executable, limits, counting, cache: None }
    }

    /// A compiler that starts this very program, which has to call
    /// [`compile_for_parent`](super::compile_for_parent) first.
    ///
    /// # Errors
    ///
    /// [`LoadError::CompilerNotStarted`]: the system does not say where the program is.
    pub fn of_this_program() -> Result<Self, LoadError> {
        // Without that call, each child would start another one.
        if std::env::args_os().nth(1).is_some_and(|first| first == compile_child::ARGUMENT) {
            let error = std::io::Error::other("the program does not compile for its parent");
            return Err(LoadError::CompilerNotStarted(error));
        }
        std::env::current_exe().map(Self::new).map_err(LoadError::CompilerNotStarted)
    }

    /// With other limits.
    #[must_use]
    pub fn with_limits(self, limits: CompileLimits) -> Self {
        Self { limits, ..self }
    }

    /// For an engine that counts instructions, or not.
    pub(super) fn counting(self, counting: Counting) -> Self {
        Self { counting, ..self }
    }

    /// With a cache. None: every component is compiled.
    #[must_use]
    pub fn with_cache(self, cache: Option<CompiledCache>) -> Self {
        Self { cache, ..self }
    }

    /// The compiled component. The engine counts what this compiler's code counts.
    pub(super) async fn compile(
        &self,
        engine: &Engine,
        component: &[u8],
    ) -> Result<Component, LoadError> {
        check_form(component)?;
        let entry = self.cache.as_ref().map(|cache| cache.entry(engine, component));
        if let Some(component) = entry.as_ref().and_then(|entry| entry.load(engine)) {
            return Ok(component);
        }
        let code = self.run(component).await?;
        let code = CompiledCode::of_child(&code);
        let component = code.load(engine).map_err(|error| match Bound::of(&error) {
            Some(bound) => LoadError::TooLarge(bound),
            None => LoadError::NotAComponent(shown(&error)),
        })?;
        if let Some(entry) = entry {
            entry.store(&code);
        }
        Ok(component)
    }

    /// Compiles a component in a new process, and returns the machine code.
    async fn run(&self, component: &[u8]) -> Result<Vec<u8>, LoadError> {
        let limits = &self.limits;
        let _permit = CHILDREN.acquire().await.map_err(|_| {
            LoadError::CompilerNotStarted(std::io::Error::other("the host is stopping"))
        })?;
        let mut child = Command::new(&self.executable)
            .arg(compile_child::ARGUMENT)
            .args([limits.cpu_seconds.to_string(), limits.memory.to_string()])
            .args((self.counting == Counting::Instructions).then_some(compile_child::COUNTING))
            // It gets the component and nothing else of this process: no key that is in the environment, and no
            // folder. Every other file of this process is closed when it starts.
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // A component could make a compiler write without an end.
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(LoadError::CompilerNotStarted)?;
        let answered = tokio::time::timeout(limits.time, converse(&mut child, component, limits));
        answered.await.unwrap_or(Err(LoadError::TooCostly(CompileBound::Time(limits.time))))
    }
}

/// What is known of a component without reading more than its first bytes.
fn check_form(component: &[u8]) -> Result<(), LoadError> {
    if component.len() > MAXIMUM_COMPONENT {
        return Err(LoadError::TooCostly(CompileBound::Component(MAXIMUM_COMPONENT)));
    }
    // The preamble is eight bytes: the magic, then 1 for a core module or 0x1000d for a component.
    if component.starts_with(b"\0asm\x01\0\0\0") {
        return Err(LoadError::CoreModule);
    }
    if !component.starts_with(b"\0asm") {
        return Err(LoadError::NotAComponent("it is not WebAssembly".to_owned()));
    }
    Ok(())
}

/// Sends the component and reads the answer. The child is ended when this is dropped.
async fn converse(
    child: &mut Child,
    component: &[u8],
    limits: &CompileLimits,
) -> Result<Vec<u8>, LoadError> {
    let (input, output) = (child.stdin.take(), child.stdout.take());
    let send = async {
        if let Some(mut input) = input {
            // A child that has ended reads no more: its status says why.
            let _ = input.write_all(component).await;
        }
    };
    let receive = async {
        let (mut kind, mut content) = (Vec::new(), Vec::new());
        if let Some(mut output) = output {
            (&mut output).take(1).read_to_end(&mut kind).await?;
            // One byte more shows that it is too large.
            output.take(limits.code as u64 + 1).read_to_end(&mut content).await?;
        }
        std::io::Result::Ok((kind, content))
    };
    let ((), answer) = tokio::join!(send, receive);
    let failed = |error: std::io::Error| LoadError::CompilerFailed(error.to_string());
    let (kind, content) = answer.map_err(failed)?;
    if content.len() > limits.code {
        return Err(LoadError::TooCostly(CompileBound::Code(limits.code)));
    }
    let status = child.wait().await.map_err(failed)?;
    if !status.success() {
        return Err(ended(status, limits));
    }
    match kind.as_slice() {
        [compile_child::COMPILED] => Ok(content),
        [compile_child::INVALID] if content.len() <= compile_child::MAXIMUM_REASON => {
            // It may repeat names of the component.
            let reason = String::from_utf8_lossy(&content);
            Err(LoadError::NotAComponent(one_line(&reason).into_owned()))
        }
        [compile_child::OUT_OF_MEMORY] => {
            Err(LoadError::TooCostly(CompileBound::Memory(limits.memory)))
        }
        _ => Err(LoadError::CompilerFailed("its answer has another form".to_owned())),
    }
}

/// Why a child ended without an answer.
#[cfg(unix)]
fn ended(status: ExitStatus, limits: &CompileLimits) -> LoadError {
    use rustix::process::Signal;
    use std::os::unix::process::ExitStatusExt as _;
    match status.signal().and_then(Signal::from_named_raw) {
        Some(Signal::XCPU) => LoadError::TooCostly(CompileBound::ComputingTime(limits.cpu_seconds)),
        // A Rust program aborts when it is given no more memory.
        Some(Signal::ABORT) => LoadError::TooCostly(CompileBound::Memory(limits.memory)),
        _ => LoadError::CompilerFailed(status.to_string()),
    }
}

/// Why a child ended without an answer.
#[cfg(not(unix))]
fn ended(status: ExitStatus, _limits: &CompileLimits) -> LoadError {
    LoadError::CompilerFailed(status.to_string())
}
