//! How many files this process may have open. Each connection is one.

/// As many as [`Limits`](crate::limits::Limits) needs: half of them are for connections. Our own choice.
#[cfg(unix)]
const WANTED: u64 = 4096;

/// Raises the number of files that this process may have open, and returns it. A shell often gives 1,024, or
/// 256, and lets the process raise it. None: there is no such number here, or it cannot be read.
#[must_use]
pub fn raise() -> Option<usize> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let found = getrlimit(Resource::Nofile);
        let raised = found.maximum.map_or(WANTED, |maximum| maximum.min(WANTED));
        let mut in_force = found.current?;
        if in_force < raised
            && setrlimit(Resource::Nofile, Rlimit { current: Some(raised), ..found }).is_ok()
        {
            in_force = raised;
        }
        Some(usize::try_from(in_force).unwrap_or(usize::MAX))
    }
    #[cfg(not(unix))]
    None
}
