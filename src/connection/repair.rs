//! Repair: corrects the webhook endpoint, creates a missing one, deletes those of earlier installations.
//!
//! A repair that creates an endpoint deletes none: the host stores the new signing secret first, and
//! repairs again. With a new key, a repair is the key's rotation.

use super::install::{account, missing_permissions};
use super::{address, endpoint, registration, secrets};
use crate::bindings::brain_studio::payments::types::{
    InstallRequest, Installation, ProviderError, RepairOutcome, WebhookOwner, WebhookRegistration,
};
use crate::credentials::{is_same_key, signing_secret};
use crate::permissions::Missing;
use crate::problem::problem;
use crate::stripe::{API_VERSION, Client, Error, Params, WebhookEndpoint, is_id};

/// Repairs an installation with the key of the request.
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
        installation.webhook.signing_secrets = secrets::with_given(given, known);
    }
    let changes = if installation.webhook.owner == WebhookOwner::Plugin {
        repair_own(stripe, &mut installation, request, &missing)?
    } else {
        repair_merchants(stripe, &mut installation, request, &missing)?
    };
    installation.webhook.verification =
        registration::verification(&installation.webhook.signing_secrets);
    Ok(RepairOutcome { installation, changes })
}

/// Whether the request's key belongs to the installation's account. Not known counts as no: another
/// account does not have the installation's payments.
fn is_of_account(
    stripe: &Client,
    installation: &mut Installation,
    request: &InstallRequest,
) -> Result<bool, Error> {
    let now = account(stripe)?;
    let is_of_account = match (&installation.account, &now) {
        (Some(before), Some(now)) => before == now,
        _ if is_same_key(&request.credentials) => true,
        // Only a key of the same account can read the endpoint, or a payment.
        _ => match &installation.webhook.endpoint_id {
            Some(id) => match endpoint::find(stripe, id) {
                Err(Error::PermissionMissing { .. }) => can_read_payment(stripe, request)?,
                found => found?.is_some() || can_read_payment(stripe, request)?,
            },
            None => can_read_payment(stripe, request)?,
        },
    };
    installation.account = now.or_else(|| installation.account.take());
    Ok(is_of_account)
}

/// Whether the request's key can read a payment of the installation.
fn can_read_payment(stripe: &Client, request: &InstallRequest) -> Result<bool, Error> {
    let path = match request.known_payment.as_deref() {
        Some(id) if is_id(id, "pi_") => format!("/v1/payment_intents/{id}"),
        Some(id) if is_id(id, "cs_") => format!("/v1/checkout/sessions/{id}"),
        _ => return Ok(false),
    };
    match stripe.get(&path, &Params::new()) {
        Ok(_) => Ok(true),
        Err(Error::NotFound(_) | Error::PermissionMissing { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Repairs a webhook that the plugin owns.
fn repair_own(
    stripe: &Client,
    installation: &mut Installation,
    request: &InstallRequest,
    missing: &Missing,
) -> Result<Vec<String>, ProviderError> {
    let existing = match &installation.webhook.endpoint_id {
        Some(id) => match endpoint::find(stripe, id) {
            // The endpoint may be right. The status report names the missing permission.
            Err(Error::PermissionMissing { .. }) => return Ok(Vec::new()),
            existing => existing?,
        },
        None => None,
    };
    let mut changes = Vec::new();
    // The API version of an endpoint cannot be changed, and its secret cannot be read again: both need
    // a new endpoint. A key that did not get the secret of one will not get that of the next.
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
                // The host stores the new secret and repairs again. Then the old endpoint is deleted.
                return Ok(changes);
            }
            if existing.is_some() {
                // The old endpoint stays in use until there is a new one.
                let problem = installation.webhook.problem.take().or(before.problem);
                installation.webhook = WebhookRegistration { problem, ..before };
                return Ok(changes);
            }
        }
    }
    remove_strays(stripe, installation, &mut changes);
    Ok(changes)
}

/// Corrects an endpoint in place.
fn correct(
    stripe: &Client,
    installation: &mut Installation,
    request: &InstallRequest,
    found: &WebhookEndpoint,
    changes: &mut Vec<String>,
) -> Result<(), Error> {
    let url = address::own_url(&request.webhook_urls, installation.mode);
    if found.status != "enabled" {
        changes.push("The webhook was enabled again.".to_owned());
    }
    if !endpoint::has_exact_events(found) {
        changes.push("The webhook's events were corrected.".to_owned());
    }
    if found.url != url {
        changes.push("The webhook's URL was corrected.".to_owned());
    }
    if !changes.is_empty() {
        match endpoint::correct(stripe, &found.id, url) {
            // The status report says what is wrong, and which permission is missing.
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

/// Repairs the registration of a webhook that the merchant owns. The endpoint itself is not changed. If
/// it does not exist, the plugin registers one, unless the request leaves the webhook to the merchant.
fn repair_merchants(
    stripe: &Client,
    installation: &mut Installation,
    request: &InstallRequest,
    missing: &Missing,
) -> Result<Vec<String>, ProviderError> {
    let secrets = installation.webhook.signing_secrets.clone();
    let found = registration::find_created_by_hand(stripe, request, secrets)?;
    let mut changes = Vec::new();
    if found.endpoint_id.is_some() || request.webhook_owner == WebhookOwner::Merchant {
        installation.webhook = found;
    } else if register_anew(stripe, installation, request, missing, &mut changes)? {
        return Ok(changes);
    }
    remove_strays(stripe, installation, &mut changes);
    Ok(changes)
}

/// Registers a new webhook for the installation. False: Stripe did not let the plugin create one.
fn register_anew(
    stripe: &Client,
    installation: &mut Installation,
    request: &InstallRequest,
    missing: &Missing,
    changes: &mut Vec<String>,
) -> Result<bool, ProviderError> {
    let secrets = installation.webhook.signing_secrets.clone();
    let webhook = registration::register(stripe, request, missing, secrets, None)?;
    let is_created = webhook.endpoint_id.is_some() && webhook.owner == WebhookOwner::Plugin;
    if is_created {
        changes.push("A new webhook was registered.".to_owned());
    }
    installation.webhook = webhook;
    Ok(is_created)
}

/// Deletes the endpoints of earlier installations of this workspace, found by their metadata. The URL
/// proves nothing, because workspaces share it. What cannot be deleted stays for the next repair, and
/// the status report names it.
fn remove_strays(stripe: &Client, installation: &Installation, changes: &mut Vec<String>) {
    for stray in endpoint::list(stripe).unwrap_or_default() {
        if endpoint::is_of_workspace(&stray, installation)
            && installation.webhook.endpoint_id.as_ref() != Some(&stray.id)
            && endpoint::remove(stripe, &stray.id).is_ok()
        {
            changes.push("A webhook of an earlier installation was deleted.".to_owned());
        }
    }
}

fn other_account() -> ProviderError {
    ProviderError::Refused(problem(
        "account-mismatch",
        "This API Key belongs to another Stripe account than the installed key, or may not read its account.",
        &["Uninstall Stripe.", "Install it again with the new key."],
    ))
}
