//! Bringing Stripe's side back to what it should be.
//!
//! `install` only creates, and a repair that creates deletes nothing, so that a secret is stored
//! before anything goes. What earlier installations of the workspace left behind is removed in
//! here. The key may be a new one: then this is its rotation.

use super::endpoint;
use super::install::{account, find_made_by_hand, given_webhook_secret, is_made_by_plugin};
use crate::api_key::{is_restricted, mode_of_request};
use crate::bindings::brain_studio::payments::types::{
    InstallRequest, Installation, Mode, Problem, ProviderError, RepairOutcome,
};
use crate::problem::problem;
use crate::stripe::{API_VERSION, Error};

/// Repairs an installation, with the key of the request.
pub async fn repair(
    mut installation: Installation,
    request: InstallRequest,
) -> Result<RepairOutcome, ProviderError> {
    let mode = mode_of_request(&request)?;
    if mode != installation.mode {
        return Err(ProviderError::Refused(other_mode(installation.mode, mode)));
    }
    let now = account().await?;
    if let (Some(before), Some(now)) = (&installation.account, &now)
        && before != now
    {
        return Err(other_account());
    }
    let is_proven = now.is_some() && installation.account.is_some();
    installation.account = now.or(installation.account);
    let changes = if is_made_by_plugin(&installation) {
        repair_endpoint(&mut installation, &request, is_proven).await?
    } else {
        let given = given_webhook_secret(&request)?;
        let secret = given.or_else(|| installation.webhook.signing_secrets.first().cloned());
        installation.webhook = find_made_by_hand(&request, mode, secret).await?;
        Vec::new()
    };
    Ok(RepairOutcome { installation, changes })
}

async fn repair_endpoint(
    installation: &mut Installation,
    request: &InstallRequest,
    is_same_account: bool,
) -> Result<Vec<String>, ProviderError> {
    let mode = installation.mode;
    let url = endpoint::own_url(&request.webhook_urls, mode, &installation.installation_id);
    let existing = match &installation.webhook.endpoint_id {
        Some(id) => endpoint::find(id).await,
        None => Ok(None),
    };
    let existing = match existing {
        Err(Error::PermissionMissing { .. }) if !is_same_account => return Err(other_account()),
        Err(Error::PermissionMissing { permission, .. }) => {
            let problem = endpoint::not_permitted(permission.as_deref());
            installation.webhook.problem = Some(problem);
            return Ok(Vec::new());
        }
        existing => existing?,
    };
    // Neither the key nor the webhook proves that it is the same account.
    if existing.is_none() && installation.webhook.endpoint_id.is_some() && !is_same_account {
        return Err(other_account());
    }
    let mut changes = Vec::new();
    match existing {
        // Its version cannot be changed and its secret not read again: only a new one will do.
        Some(found)
            if found.api_version.as_deref() == Some(API_VERSION)
                && !installation.webhook.signing_secrets.is_empty() =>
        {
            let is_right =
                found.url == url && found.status == "enabled" && endpoint::has_exact_events(&found);
            if !is_right {
                endpoint::correct(&found.id, &url).await?;
                changes.push("The webhook's address, events and state were set right.".to_owned());
            }
            installation.webhook.url = url;
            installation.webhook.problem = None;
        }
        // Stripe does not tell a restricted key the secret of a new one either.
        Some(found)
            if found.api_version.as_deref() == Some(API_VERSION) && is_restricted(request) => {}
        _ => {
            installation.webhook = endpoint::register(request, mode, None).await?;
            if installation.webhook.endpoint_id.is_some() {
                // Its secret has to be stored before the old one goes: the host repairs again.
                changes.push("A new webhook was registered.".to_owned());
                return Ok(changes);
            }
        }
    }
    remove_strays(installation, &mut changes).await;
    Ok(changes)
}

/// Deletes the endpoints that this workspace made earlier, known by their metadata. The URL alone
/// proves nothing: every merchant and workspace shares it. What cannot be deleted now is for the
/// next repair.
async fn remove_strays(installation: &Installation, changes: &mut Vec<String>) {
    for stray in endpoint::list().await.unwrap_or_default() {
        let is_ours = stray.metadata.workspace.as_ref() == Some(&installation.workspace);
        if is_ours && installation.webhook.endpoint_id.as_ref() != Some(&stray.id) {
            changes.push(match endpoint::remove(&stray.id).await {
                Ok(()) => "A webhook that an earlier installation had left was deleted.".to_owned(),
                Err(_) => format!(
                    "A webhook that an earlier installation had left could not be deleted: {}.",
                    stray.id
                ),
            });
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
    let name = |mode| match mode {
        Mode::Test => "test",
        Mode::Live => "live",
    };
    problem(
        "mode-mismatch",
        format!(
            "Stripe is installed in {} mode, and this is a {} key.",
            name(installed),
            name(given)
        ),
        &["To change the mode, uninstall Stripe.", "Install it again with the new key."],
    )
}
