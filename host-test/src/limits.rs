//! The limits of a host: what each is called, and what it allows unless a flag of `serve` says otherwise.

use clap::Args;

use crate::marketplace::MarketplaceLimits;
use crate::resources::ResourceLimits;
use crate::server::DoorLimits;

/// Every limit of a host that an operator may change. Those that the contract promises to plugins are constants.
#[derive(Args, Clone, Copy, Debug, Default)]
#[command(next_help_heading = "Limits")]
pub struct Limits {
    /// Of the public door.
    #[command(flatten)]
    pub door: DoorLimits,
    /// Of what all calls share.
    #[command(flatten)]
    pub resources: ResourceLimits,
    /// Of the use cases.
    #[command(flatten)]
    pub marketplace: MarketplaceLimits,
}

impl Limits {
    /// No more connections than half of the files that the process may have open, and no more requests than a quarter:
    /// the ledger, the control listener and the idle connections to providers need files too. Our own choice.
    #[must_use]
    pub fn within_open_files(mut self, files: usize) -> Self {
        let a_quarter = u32::try_from(files / 4).unwrap_or(u32::MAX);
        self.door.connections = self.door.connections.min(files / 2);
        let requests = &mut self.resources.requests;
        *requests = (*requests).min(a_quarter);
        self
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        limits: Limits,
    }

    #[test]
    fn connections_and_requests_leave_files_to_the_rest() {
        for (files, connections, requests) in
            [(64, 32, 16), (256, 128, 64), (4096, 2048, 128), (usize::MAX, 2048, 128)]
        {
            let limits = Limits::default().within_open_files(files);
            let bounded = (limits.door.connections, limits.resources.requests);
            assert_eq!(bounded, (connections, requests), "{files} files");
        }
        let mut own = Limits::default();
        (own.door.connections, own.resources.requests) = (8, 4);
        let bounded = own.within_open_files(256);
        assert_eq!((bounded.door.connections, bounded.resources.requests), (8, 4));
    }

    #[test]
    fn limit_without_a_flag_is_the_default() {
        let parsed = Command::parse_from(["serve"]).limits;
        assert_eq!(format!("{parsed:?}"), format!("{:?}", Limits::default()));
    }
}
