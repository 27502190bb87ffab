//! Installing and uninstalling.

use super::extras::{is_made_by_plugin, remember_key, remember_maker};
use super::{endpoint, registration, secret};
use crate::api_key::{is_restricted, mode_of_request};
use crate::bindings::brain_studio::payments::types::{InstallRequest, Installation, ProviderError};
use crate::permissions::{self, Missing};
use crate::stripe::{self, Account, Error, Form};

/// Connects a merchant's account.
pub fn install(request: &InstallRequest) -> Result<Installation, ProviderError> {
    let mode = mode_of_request(request)?;
    let secret = secret::given(request)?;
    let missing = missing_permissions(request)?;
    if missing.is_fatal() {
        return Err(ProviderError::PermissionMissing(missing.problem()));
    }
    let account = account()?;
    let once = format!("install-{}", request.installation_id);
    let secrets = secret.map(str::to_owned).into_iter().collect();
    let registered = registration::register(request, mode, &missing, secrets, Some(&once))?;
    let mut installation = Installation {
        installation_id: request.installation_id.clone(),
        workspace: request.workspace.clone(),
        mode,
        account,
        webhook: registered.webhook,
        extras: Vec::new(),
    };
    remember_maker(&mut installation, registered.is_made_by_plugin);
    remember_key(&mut installation, request);
    Ok(installation)
}

/// Removes what `install` made, and what a crash may have left of others of the same workspace. An
/// endpoint that was made by hand is the merchant's.
pub fn uninstall(installation: &Installation) -> Result<(), ProviderError> {
    if let Some(id) = &installation.webhook.endpoint_id
        && is_made_by_plugin(installation)
    {
        endpoint::remove(id)?;
    }
    let endpoints = match endpoint::list() {
        // A key that may not see webhooks has made none.
        Err(Error::PermissionMissing { .. }) => return Ok(()),
        endpoints => endpoints?,
    };
    for endpoint in endpoints {
        if endpoint::is_of_workspace(&endpoint, installation) {
            endpoint::remove(&endpoint.id)?;
        }
    }
    Ok(())
}

/// What the request's key may not do. A standard key may do everything.
pub fn missing_permissions(request: &InstallRequest) -> Result<Missing, Error> {
    if is_restricted(request) { permissions::missing() } else { Ok(Missing::default()) }
}

/// The account that the key belongs to. A restricted key may not be allowed to ask, and its refusal
/// often names the account all the same. Nothing depends on it: only a dead key and a Stripe that is
/// not there are errors.
pub fn account() -> Result<Option<String>, Error> {
    match stripe::get("/v1/account", &Form::new()) {
        Ok(answer) => Ok(answer.read::<Account>().ok().map(|account| account.id)),
        Err(Error::PermissionMissing { account, .. }) => Ok(account),
        Err(Error::NotFound(_) | Error::Refused { .. } | Error::Unreadable) => Ok(None),
        Err(error) => Err(error),
    }
}
