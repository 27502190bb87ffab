//! Names become addresses, of which only those are left that may be reached. It is asked for each new connection, so
//! that a name which comes to mean another address does not help.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use thiserror::Error;

/// A name that has addresses, but none that may be reached.
#[derive(Debug, Error)]
#[error("the name has no address that may be reached")]
pub(super) struct NoAddressAllowed;

/// Asks `lookup`, and keeps what `is_allowed`.
pub(super) struct Resolver<L> {
    pub lookup: L,
    pub is_allowed: fn(IpAddr) -> bool,
}

impl<L, F> Resolve for Resolver<L>
where
    L: Fn(String) -> F + Send + Sync,
    F: Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static,
{
    fn resolve(&self, name: Name) -> Resolving {
        let (found, is_allowed) = ((self.lookup)(name.as_str().to_owned()), self.is_allowed);
        Box::pin(async move {
            let mut found = found.await?;
            found.retain(|address| is_allowed(address.ip()));
            if found.is_empty() {
                return Err(NoAddressAllowed.into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// The system's addresses of a name. The port is that of the URL.
pub(super) async fn of_system(name: String) -> io::Result<Vec<SocketAddr>> {
    Ok(tokio::net::lookup_host((name, 0)).await?.collect())
}
