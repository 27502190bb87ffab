//! The memory of a server holds the vault's key, and API keys while they are used. No other program of the same
//! user may read it, and a crash does not write it to the disk.

/// Forbids core dumps, and other programs of the same user to read this process's memory. It must come after the
/// engine is built: wasmtime opens `/proc/self/pagemap`, which the second closes. What the system refuses is
/// written to the log, because a server without it is better than none.
pub fn protect() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        let none = Rlimit { current: Some(0), maximum: Some(0) };
        if let Err(error) = setrlimit(Resource::Core, none) {
            tracing::warn!(%error, "a crash may write a core dump, which holds keys");
        }
    }
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
            tracing::warn!(%error, "other programs of this user can read the memory");
        }
    }
}
