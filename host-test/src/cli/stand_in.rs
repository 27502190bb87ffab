//! For tools without an installation: whether a plugin can reach anything, and with which credentials.

use super::{CommandError, credentials};
use crate::egress::{Credentials, OriginOverride, Policy};
use crate::plugin::Plugin;

/// The credentials of a plugin, as `install` reads them. None: nothing stands in for its provider, so nobody asks for
/// them. What stands in for another one's may be in the variable of all commands.
pub fn credentials(
    plugin: &Plugin,
    overrides: &[OriginOverride],
) -> Result<Option<Credentials>, CommandError> {
    let policy = Policy::new(plugin.manifest(), &[]);
    let is_stood_in_for =
        policy.is_ok_and(|policy| overrides.iter().any(|stand_in| policy.names(&stand_in.from)));
    if !is_stood_in_for {
        return Ok(None);
    }
    credentials::read(plugin.manifest(), plugin.is_built_in(), false).map(Some)
}
