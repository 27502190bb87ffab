//! Bringing Stripe's side back to what it should be.
//!
//! `install` only creates, and a repair that creates deletes nothing, so that a secret is stored
//! before anything goes. What earlier installations of the workspace left behind is removed in
//! here. The key may be a new one: then this is its rotation.

use super::install::{account, missing_permissions};
use super::{address, endpoint, registration, secrets};
use crate::bindings::brain_studio::payments::types::{
    InstallRequest, Installation, ProviderError, RepairOutcome, WebhookOwner, WebhookRegistration,
};
use crate::credentials::{is_same_key, signing_secret};
use crate::permissions::Missing;
use crate::problem::problem;
use crate::stripe::{API_VERSION, Client, Error, WebhookEndpoint};

/// Repairs an installation, with the key of the request.
pub fn repair(
    stripe: &Client,
    mut installation: Installation,
    request: &InstallRequest,
) -> Result<RepairOutcome, ProviderError> {
    let missing = missing_permissions(stripe, request)?;
    if missing.is_fatal() {
        return Err(ProviderError::PermissionMissing(missing.problem()));
    }
    if !is_of_account(stripe, &mut installation, request)? {
        return Err(other_account());
    }
    if let Some(given) = signing_secret(&request.credentials) {
        let known = std::mem::take(&mut installation.webhook.signing_secrets);
        installation.webhook.signing_secrets = secrets::added(given, known);
    }
    let changes = if installation.webhook.owner == WebhookOwner::Plugin {
        repair_own(stripe, &mut installation, request, &missing)?
    } else {
        look_again(stripe, &mut installation, request, &missing)?
    };
    installation.webhook.verification =
        registration::verification(&installation.webhook.signing_secrets);
    Ok(RepairOutcome { installation, changes })
}

/// Whether the request's key is of the installation's account. What cannot be shown is not so: the
/// payments of one account are not known to another.
fn is_of_account(
    stripe: &Client,
    installation: &mut Installation,
    request: &InstallRequest,
) -> Result<bool, Error> {
    let now = account(stripe)?;
    let is_of_account = match (&installation.account, &now) {
        (Some(before), Some(now)) => before == now,
        _ if is_same_key(&request.credentials) => true,
        // Only the key of the account that has the webhook can see it.
        _ => match &installation.webhook.endpoint_id {
            Some(id) => match endpoint::find(stripe, id) {
                Err(Error::PermissionMissing { .. }) => false,
                found => found?.is_some(),
            },
            None => false,
        },
    };
    installation.account = now.or_else(|| installation.account.take());
    Ok(is_of_account)
}

/// The plugin's own webhook.
fn repair_own(
    stripe: &Client,
    installation: &mut Installation,
    request: &InstallRequest,
    missing: &Missing,
) -> Result<Vec<String>, ProviderError> {
    let existing = match &installation.webhook.endpoint_id {
        Some(id) => match endpoint::find(stripe, id) {
            // It may be as it should be: the permissions' own check says what is wrong.
            Err(Error::PermissionMissing { .. }) => return Ok(Vec::new()),
            existing => existing?,
        },
        None => None,
    };
    let mut changes = Vec::new();
    // Its version cannot be changed and its secret not read again: only a new one will do. A key
    // that was not told the secret of one will not be told that of the next.
    let knows_secret = !installation.webhook.signing_secrets.is_empty();
    let is_worth_keeping = knows_secret || is_same_key(&request.credentials);
    match existing {
        Some(found) if is_worth_keeping && found.api_version.as_deref() == Some(API_VERSION) => {
            correct(stripe, installation, request, &found, &mut changes)?;
            installation.webhook.problem = (!knows_secret).then(registration::secret_missing);
        }
        existing => {
            let before = installation.webhook.clone();
            if register_anew(stripe, installation, request, missing, &mut changes)? {
                // Its secret has to be stored before the old one goes: the host repairs again.
                return Ok(changes);
            }
            if existing.is_some() {
                // What works goes on until something stands in its place.
                let problem = installation.webhook.problem.take().or(before.problem);
                installation.webhook = WebhookRegistration { problem, ..before };
                return Ok(changes);
            }
        }
    }
    remove_strays(stripe, installation, &mut changes);
    Ok(changes)
}

/// Sets right what can be set right in place.
fn correct(
    stripe: &Client,
    installation: &mut Installation,
    request: &InstallRequest,
    found: &WebhookEndpoint,
    changes: &mut Vec<String>,
) -> Result<(), Error> {
    let url = address::own_url(&request.webhook_urls, installation.mode);
    if found.status != "enabled" {
        changes.push("The webhook was turned on again.".to_owned());
    }
    if !endpoint::has_exact_events(found) {
        changes.push("The webhook listens to exactly the three events again.".to_owned());
    }
    if found.url != url {
        changes.push("The webhook's URL was corrected.".to_owned());
    }
    if !changes.is_empty() {
        match endpoint::correct(stripe, &found.id, url) {
            // The status report says so, with what the key lacks.
            Err(Error::PermissionMissing { .. }) => {
                changes.clear();
                return Ok(());
            }
            corrected => corrected?,
        }
    }
    url.clone_into(&mut installation.webhook.url);
    Ok(())
}

/// The merchant's webhook is not ours to change. One that is gone is made up for, unless the
/// merchant wanted to make it.
fn look_again(
    stripe: &Client,
    installation: &mut Installation,
    request: &InstallRequest,
    missing: &Missing,
) -> Result<Vec<String>, ProviderError> {
    let secrets = installation.webhook.signing_secrets.clone();
    let found = registration::find_made_by_hand(stripe, request, secrets)?;
    let mut changes = Vec::new();
    if found.endpoint_id.is_some() || request.webhook_owner == WebhookOwner::Merchant {
        installation.webhook = found;
    } else if register_anew(stripe, installation, request, missing, &mut changes)? {
        return Ok(changes);
    }
    remove_strays(stripe, installation, &mut changes);
    Ok(changes)
}

/// Registers a webhook in the place of what there was. False: Stripe let the plugin make none.
fn register_anew(
    stripe: &Client,
    installation: &mut Installation,
    request: &InstallRequest,
    missing: &Missing,
    changes: &mut Vec<String>,
) -> Result<bool, ProviderError> {
    let secrets = installation.webhook.signing_secrets.clone();
    let webhook = registration::register(stripe, request, missing, secrets, None)?;
    let is_made = webhook.endpoint_id.is_some() && webhook.owner == WebhookOwner::Plugin;
    if is_made {
        changes.push("A new webhook was registered.".to_owned());
    }
    installation.webhook = webhook;
    Ok(is_made)
}

/// Deletes the endpoints that this workspace made earlier, known by their metadata. The URL alone
/// proves nothing: every merchant and workspace shares it. What cannot be deleted now is for the
/// next repair, and the status report names it.
fn remove_strays(stripe: &Client, installation: &Installation, changes: &mut Vec<String>) {
    for stray in endpoint::list(stripe).unwrap_or_default() {
        if endpoint::is_of_workspace(&stray, installation)
            && installation.webhook.endpoint_id.as_ref() != Some(&stray.id)
            && endpoint::remove(stripe, &stray.id).is_ok()
        {
            changes.push("A webhook that an earlier installation had left was deleted.".to_owned());
        }
    }
}

fn other_account() -> ProviderError {
    ProviderError::Refused(problem(
        "account-mismatch",
        "This API Key belongs to another Stripe account than the one that is installed, or cannot show that it does not.",
        &["Uninstall Stripe.", "Install it again with the new key."],
    ))
}
