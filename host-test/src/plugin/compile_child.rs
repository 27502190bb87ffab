//! The child's side of compiling: a process that turns one component into machine code, and knows nothing else.
//!
//! A compiler is large, and a stranger chooses its input: a component of a few kilobytes can make it use hours and
//! all of the memory. So it runs in a process of its own, which limits itself before it reads anything, and has no
//! environment, no data folder and no key.

use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::process::ExitCode;

use wasmtime::{Engine, OutOfMemory};

use super::engine::{self, Counting};

/// The first argument of the child. It is no command for people, so no help names it.
pub(super) const ARGUMENT: &str = "compile-component-of-parent";
/// The last argument of the child, if the machine code shall count its instructions.
pub(super) const COUNTING: &str = "counting-instructions";
/// The largest component, in bytes. Our own choice: a guest in Python, with its interpreter, has 18.5 MB, and one
/// in JavaScript 12 MB.
pub const MAXIMUM_COMPONENT: usize = 32 << 20;
/// How long the reason may be for which a component is invalid, in bytes. It may repeat names of the component.
pub(super) const MAXIMUM_REASON: usize = 4 << 10;
/// How many functions are compiled at the same time. More cores do not mean more memory, so whether a component is
/// too costly does not depend on the machine.
const THREADS: usize = 4;

/// The first byte of the answer: the machine code follows.
pub(super) const COMPILED: u8 = b'C';
/// The first byte of the answer: the reason follows for which the component is invalid.
pub(super) const INVALID: u8 = b'I';
/// The first byte of the answer: there is not enough memory.
pub(super) const OUT_OF_MEMORY: u8 = b'M';

/// Compiles a component for the parent process, if that is what the arguments of this process ask for. A program
/// that is given to a [`Compiler`](super::Compiler) as its executable calls it first in `main`.
///
/// None: this process was started for something else.
#[must_use]
pub fn compile_for_parent() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next()? != ARGUMENT {
        return None;
    }
    Some(match answer(arguments) {
        Some(()) => ExitCode::SUCCESS,
        None => ExitCode::FAILURE,
    })
}

/// None: the limits cannot be set, or the parent has gone.
fn answer(mut arguments: impl Iterator<Item = OsString>) -> Option<()> {
    let mut number = || arguments.next()?.to_str()?.parse().ok();
    let (cpu_seconds, memory) = (number()?, number()?);
    limit(cpu_seconds, memory)?;
    let counting = match arguments.next() {
        None => Counting::Nothing,
        Some(last) if last == COUNTING => Counting::Instructions,
        Some(_) => return None,
    };
    let mut component = Vec::new();
    let maximum = MAXIMUM_COMPONENT as u64 + 1;
    std::io::stdin().lock().take(maximum).read_to_end(&mut component).ok()?;
    if component.len() > MAXIMUM_COMPONENT {
        return None;
    }
    let (kind, content) = match compile(&component, counting) {
        Ok(code) => (COMPILED, code),
        Err(error) if error.is::<OutOfMemory>() => (OUT_OF_MEMORY, Vec::new()),
        Err(error) => {
            let mut reason = format!("{error:#}");
            reason.truncate(reason.floor_char_boundary(MAXIMUM_REASON));
            (INVALID, reason.into_bytes())
        }
    };
    let mut output = std::io::stdout().lock();
    output.write_all(&[kind]).ok()?;
    output.write_all(&content).ok()?;
    output.flush().ok()
}

fn compile(component: &[u8], counting: Counting) -> wasmtime::Result<Vec<u8>> {
    let available = std::thread::available_parallelism().map_or(1, usize::from);
    rayon::ThreadPoolBuilder::new().num_threads(available.min(THREADS)).build_global()?;
    Engine::new(&engine::compiling(counting))?.precompile_component(component)
}

/// Limits this process: the seconds that all of its threads compute together, and its memory in bytes. None: the
/// system refuses it.
#[cfg(unix)]
fn limit(cpu_seconds: u64, memory: u64) -> Option<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limits = [
        // The system ends the process with one signal at the first number and with SIGKILL at the second: so the
        // parent can tell a component that takes too long from a process that a person has killed.
        (Resource::Cpu, cpu_seconds, cpu_seconds + 1),
        (Resource::Data, memory, memory),
        // No copy of its memory is left when it is ended.
        (Resource::Core, 0, 0),
        // It has no reason to write a file.
        (Resource::Fsize, 0, 0),
    ];
    for (resource, current, maximum) in limits {
        // A limit that is in force already may be lower, and nobody may raise it.
        let in_force = getrlimit(resource).maximum.unwrap_or(u64::MAX);
        let [current, maximum] = [current, maximum].map(|limit| Some(limit.min(in_force)));
        setrlimit(resource, Rlimit { current, maximum }).ok()?;
    }
    Some(())
}

/// There are no such limits here. The parent's clock still ends it.
#[cfg(not(unix))]
fn limit(_cpu_seconds: u64, _memory: u64) -> Option<()> {
    Some(())
}

#[cfg(test)]
mod tests {
    use std::hash::Hash as _;
    use std::hash::{DefaultHasher, Hasher as _};

    use super::*;

    /// Without this, no code of the child would run in the parent.
    #[test]
    fn engines_of_child_and_parent_agree() {
        let hash = |config| {
            let mut hasher = DefaultHasher::new();
            Engine::new(&config).unwrap().precompile_compatibility_hash().hash(&mut hasher);
            hasher.finish()
        };
        let compiling = || engine::compiling(Counting::Nothing);
        assert_eq!(hash(compiling()), hash(engine::config()));
        let mut other = compiling();
        other.epoch_interruption(false);
        assert_ne!(hash(compiling()), hash(other));
        // Nor does the cache mix them up.
        assert_ne!(hash(compiling()), hash(engine::compiling(Counting::Instructions)));
    }
}
