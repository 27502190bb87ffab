//! Who stands in for the provider's origins: the interposer for those that are called, the fake for pages.

use url::Url;

use super::error::KitError;
use super::interposer::{Interposer, Origin};
use super::kit::Kit;
use super::placeholders::Placeholders;
use crate::contract::types::Authorization;
use crate::egress::OriginOverride;

/// Lets the interposer stand in for every origin that the plugin may call, in each mode: nothing else can be reached.
///
/// # Errors
///
/// An address of the scenario cannot be used, or there is no port.
pub async fn stand_in(
    kit: &Kit,
    values: &Placeholders,
    interposer: &mut Interposer,
) -> Result<Vec<OriginOverride>, KitError> {
    let manifest = kit.plugin.manifest();
    let mut called: Vec<(String, Vec<String>)> = Vec::new();
    let mut add = |origin: &str, token_path: Option<String>| match called
        .iter_mut()
        .find(|(name, _)| name == origin)
    {
        Some((_, paths)) => paths.extend(token_path),
        None => called.push((origin.to_owned(), token_path.into_iter().collect())),
    };
    for origin in &manifest.origins {
        add(&origin.url, None);
        if let Authorization::ClientCredentials(oauth) = &origin.authorization
            && let Ok(url) = Url::parse(&oauth.token_url)
        {
            add(&url.origin().ascii_serialization(), Some(url.path().to_owned()));
        }
    }
    let mut overrides = Vec::new();
    let addresses = &kit.scenario.origins;
    for (name, token_paths) in called {
        let upstream = addresses.get(&name).map(|address| values.fill(address)).transpose()?;
        let origin = Origin { name: name.clone(), upstream, token_paths };
        let address = interposer.stand_in(origin).await?;
        overrides.push(format!("{name}={address}").parse()?);
    }
    // Pages are opened at the fake itself. They come last: an origin that is called as well is the interposer's.
    for origin in &manifest.customer_origins {
        if let Some(address) = addresses.get(origin) {
            overrides.push(format!("{origin}={}", values.fill(address)?).parse()?);
        }
    }
    Ok(overrides)
}
