//! Bringing Stripe's side back to what it should be.
//!
//! `install` only creates, and a repair that creates deletes nothing, so that a secret is stored
//! before anything goes. What earlier installations of the workspace left behind is removed in
//! here. The key may be a new one: then this is its rotation.

use super::extras::{is_made_by_plugin, is_same_key, remember_key, remember_maker};
use super::install::{account, missing_permissions};
use super::{address, endpoint, registration, secret};
use crate::api_key::mode_of_request;
use crate::bindings::brain_studio::payments::types::{
    InstallRequest, Installation, Mode, Problem, ProviderError, RepairOutcome, WebhookRegistration,
    WebhookSetup,
};
use crate::permissions::Missing;
use crate::problem::problem;
use crate::stripe::{API_VERSION, Error, WebhookEndpoint};

/// Repairs an installation, with the key of the request.
pub fn repair(
    mut installation: Installation,
    request: &InstallRequest,
) -> Result<RepairOutcome, ProviderError> {
    let mode = mode_of_request(request)?;
    if mode != installation.mode {
        return Err(ProviderError::Refused(other_mode(installation.mode, mode)));
    }
    let given = secret::given(request)?;
    let missing = missing_permissions(request)?;
    if missing.is_fatal() {
        return Err(ProviderError::PermissionMissing(missing.problem()));
    }
    if !is_of_account(&mut installation, request)? {
        return Err(other_account());
    }
    let is_same_key = is_same_key(&installation, request);
    remember_key(&mut installation, request);
    if let Some(given) = given {
        let secrets = std::mem::take(&mut installation.webhook.signing_secrets);
        installation.webhook.signing_secrets = secret::added(given, secrets);
    }
    let changes = if is_made_by_plugin(&installation) {
        repair_own(&mut installation, request, &missing, is_same_key)?
    } else {
        look_again(&mut installation, request, &missing)?
    };
    Ok(RepairOutcome { installation, changes })
}

/// Whether the request's key is of the installation's account. What cannot be shown is not so: the
/// payments of one account are not known to another.
fn is_of_account(installation: &mut Installation, request: &InstallRequest) -> Result<bool, Error> {
    let now = account()?;
    let is_of_account = match (&installation.account, &now) {
        (Some(before), Some(now)) => before == now,
        _ if is_same_key(installation, request) => true,
        // Only the key of the account that has the webhook can see it.
        _ => match &installation.webhook.endpoint_id {
            Some(id) => match endpoint::find(id) {
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
    installation: &mut Installation,
    request: &InstallRequest,
    missing: &Missing,
    is_same_key: bool,
) -> Result<Vec<String>, ProviderError> {
    let existing = match &installation.webhook.endpoint_id {
        Some(id) => match endpoint::find(id) {
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
    let is_worth_keeping = knows_secret || is_same_key;
    match existing {
        Some(found) if is_worth_keeping && found.api_version.as_deref() == Some(API_VERSION) => {
            correct(installation, request, &found, &mut changes)?;
            installation.webhook.problem = (!knows_secret).then(registration::secret_missing);
        }
        existing => {
            let before = installation.webhook.clone();
            if register_anew(installation, request, missing, &mut changes)? {
                // Its secret has to be stored before the old one goes: the host repairs again.
                return Ok(changes);
            }
            if existing.is_some() {
                // What works goes on until something stands in its place.
                let problem = installation.webhook.problem.take().or(before.problem);
                installation.webhook = WebhookRegistration { problem, ..before };
                remember_maker(installation, true);
                return Ok(changes);
            }
        }
    }
    remove_strays(installation, &mut changes);
    Ok(changes)
}

/// Sets right what can be set right in place.
fn correct(
    installation: &mut Installation,
    request: &InstallRequest,
    found: &WebhookEndpoint,
    changes: &mut Vec<String>,
) -> Result<(), Error> {
    let mode = installation.mode;
    let url = address::own_url(&request.webhook_urls, mode, &installation.installation_id);
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
        match endpoint::correct(&found.id, &url) {
            // The status report says so, with what the key lacks.
            Err(Error::PermissionMissing { .. }) => {
                changes.clear();
                return Ok(());
            }
            corrected => corrected?,
        }
    }
    installation.webhook.url = url;
    Ok(())
}

/// The merchant's webhook is not ours to change. One that is gone is made up for, unless the
/// merchant wanted to make it.
fn look_again(
    installation: &mut Installation,
    request: &InstallRequest,
    missing: &Missing,
) -> Result<Vec<String>, ProviderError> {
    let mode = installation.mode;
    let secrets = installation.webhook.signing_secrets.clone();
    let found = registration::find_made_by_hand(request, mode, secrets)?;
    let mut changes = Vec::new();
    if found.endpoint_id.is_some() || matches!(request.webhook_setup, WebhookSetup::Manual) {
        installation.webhook = found;
    } else if register_anew(installation, request, missing, &mut changes)? {
        return Ok(changes);
    }
    remove_strays(installation, &mut changes);
    Ok(changes)
}

/// Registers a webhook in the place of what there was. False: Stripe let the plugin make none.
fn register_anew(
    installation: &mut Installation,
    request: &InstallRequest,
    missing: &Missing,
    changes: &mut Vec<String>,
) -> Result<bool, ProviderError> {
    let secrets = installation.webhook.signing_secrets.clone();
    let mode = installation.mode;
    let registered = registration::register(request, mode, missing, secrets, None)?;
    let is_made = registered.webhook.endpoint_id.is_some() && registered.is_made_by_plugin;
    if is_made {
        changes.push("A new webhook was registered.".to_owned());
    }
    installation.webhook = registered.webhook;
    remember_maker(installation, registered.is_made_by_plugin);
    Ok(is_made)
}

/// Deletes the endpoints that this workspace made earlier, known by their metadata. The URL alone
/// proves nothing: every merchant and workspace shares it. What cannot be deleted now is for the
/// next repair, and the status report names it.
fn remove_strays(installation: &Installation, changes: &mut Vec<String>) {
    for stray in endpoint::list().unwrap_or_default() {
        if endpoint::is_of_workspace(&stray, installation)
            && installation.webhook.endpoint_id.as_ref() != Some(&stray.id)
            && endpoint::remove(&stray.id).is_ok()
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

fn other_mode(installed: Mode, given: Mode) -> Problem {
    problem(
        "mode-mismatch",
        format!(
            "Stripe is installed in {} mode, and this is a {} key.",
            address::word(installed),
            address::word(given)
        ),
        &["To change the mode, uninstall Stripe.", "Install it again with the new key."],
    )
}
