//! Installing and uninstalling.

use super::{endpoint, registration};
use crate::bindings::brain_studio::payments::types::{
    InstallRequest, Installation, ProviderError, WebhookOwner,
};
use crate::credentials::{is_restricted, signing_secret};
use crate::permissions::{self, Missing};
use crate::stripe::{Account, Client, Error, Params, Request};

/// Connects a merchant's account.
pub fn install(stripe: &Client, request: &InstallRequest) -> Result<Installation, ProviderError> {
    let missing = missing_permissions(stripe, request)?;
    if missing.is_fatal() {
        return Err(ProviderError::PermissionMissing(missing.problem()));
    }
    let account = account(stripe)?;
    let idempotency_key = format!("install-{}", request.installation_id);
    let secrets = signing_secret(&request.credentials).map(str::to_owned).into_iter().collect();
    let webhook =
        registration::register(stripe, request, &missing, secrets, Some(&idempotency_key))?;
    Ok(Installation {
        installation_id: request.installation_id.clone(),
        workspace: request.workspace.clone(),
        mode: request.mode,
        account,
        webhook,
        extras: Vec::new(),
    })
}

/// Deletes the webhook endpoint that `install` created, and those that an interrupted installation of the
/// same workspace left. An endpoint that was created by hand stays.
pub fn uninstall(stripe: &Client, installation: &Installation) -> Result<(), ProviderError> {
    if let Some(id) = &installation.webhook.endpoint_id
        && installation.webhook.owner == WebhookOwner::Plugin
    {
        endpoint::remove(stripe, id)?;
    }
    let endpoints = match endpoint::list(stripe) {
        // A key without the permission to read endpoints has created none.
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

/// The permissions that the request's key lacks. A standard key has all of them.
pub fn missing_permissions(stripe: &Client, request: &InstallRequest) -> Result<Missing, Error> {
    if is_restricted(&request.credentials) {
        permissions::missing(stripe)
    } else {
        Ok(Missing::default())
    }
}

/// The request for the account of the key.
pub fn account_request() -> Request {
    Request::get("/v1/account", &Params::new())
}

/// The account of the key. None: not known. A restricted key may not read the account, but Stripe's 403
/// answer often names it. No payment needs the account's id, so an answer without it is no error.
pub fn account(stripe: &Client) -> Result<Option<String>, Error> {
    match stripe.send(account_request()) {
        Ok(answer) => Ok(answer.read::<Account>().ok().map(|account| account.id)),
        Err(Error::PermissionMissing { account, .. }) => Ok(account),
        Err(Error::NotFound(_) | Error::Refused { .. } | Error::Unreadable) => Ok(None),
        Err(error) => Err(error),
    }
}
