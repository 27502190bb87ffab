//! Installing and uninstalling.

use super::{endpoint, registration};
use crate::bindings::brain_studio::payments::types::{
    InstallRequest, Installation, ProviderError, WebhookOwner,
};
use crate::credentials::{is_restricted, signing_secret};
use crate::permissions::{self, Missing};
use crate::stripe::{Account, Client, Error, Params};

/// Connects a merchant's account.
pub fn install(stripe: &Client, request: &InstallRequest) -> Result<Installation, ProviderError> {
    let missing = missing_permissions(stripe, request)?;
    if missing.is_fatal() {
        return Err(ProviderError::PermissionMissing(missing.problem()));
    }
    let account = account(stripe)?;
    let once = format!("install-{}", request.installation_id);
    let secrets = signing_secret(&request.credentials).map(str::to_owned).into_iter().collect();
    let webhook = registration::register(stripe, request, &missing, secrets, Some(&once))?;
    Ok(Installation {
        installation_id: request.installation_id.clone(),
        workspace: request.workspace.clone(),
        mode: request.mode,
        account,
        webhook,
        extras: Vec::new(),
    })
}

/// Removes what `install` made, and what a crash may have left of others of the same workspace. An
/// endpoint that was made by hand is the merchant's.
pub fn uninstall(stripe: &Client, installation: &Installation) -> Result<(), ProviderError> {
    if let Some(id) = &installation.webhook.endpoint_id
        && installation.webhook.owner == WebhookOwner::Plugin
    {
        endpoint::remove(stripe, id)?;
    }
    let endpoints = match endpoint::list(stripe) {
        // A key that may not see webhooks has made none.
        Err(Error::PermissionMissing { .. }) => return Ok(()),
        endpoints => endpoints?,
    };
    for endpoint in endpoints {
        if endpoint::is_of_workspace(&endpoint, installation) {
            endpoint::remove(stripe, &endpoint.id)?;
        }
    }
    Ok(())
}

/// What the request's key may not do. A standard key may do everything.
pub fn missing_permissions(stripe: &Client, request: &InstallRequest) -> Result<Missing, Error> {
    if is_restricted(&request.credentials) {
        permissions::missing(stripe)
    } else {
        Ok(Missing::default())
    }
}

/// The account that the key belongs to. A restricted key may not be allowed to ask, and its refusal
/// often names the account all the same. Nothing depends on it: only a dead key and a Stripe that is
/// not there are errors.
pub fn account(stripe: &Client) -> Result<Option<String>, Error> {
    match stripe.get("/v1/account", &Params::new()) {
        Ok(answer) => Ok(answer.read::<Account>().ok().map(|account| account.id)),
        Err(Error::PermissionMissing { account, .. }) => Ok(account),
        Err(Error::NotFound(_) | Error::Refused { .. } | Error::Unreadable) => Ok(None),
        Err(error) => Err(error),
    }
}
