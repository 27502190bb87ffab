//! The connection to a merchant's store: install, repair, status report.
//!
//! Andes Pay lets nobody register a webhook by API. The merchant makes it by hand, and gives its signing secret.

use serde::Deserialize;

use crate::api::{problem, problem_of, read};
use crate::bindings::brain_studio::payments::types::{
    Check, InstallRequest, Installation, Mode, Problem, ProviderError, RepairOutcome, StatusReport,
    Verdict, Verification, WebhookOwner, WebhookRegistration, WebhookUrls,
};
use crate::manifest::{PERMISSIONS, SIGNING_SECRET};

/// How many signing secrets are kept: deliveries that were signed with the one before may be on their way. Our own
/// choice.
const KEPT_SECRETS: usize = 2;

/// A merchant's store.
#[derive(Deserialize)]
struct Store {
    id: String,
    can_charge: bool,
    /// What the token may do.
    permissions: Vec<String>,
}

/// Connects a store: its credentials work in this mode.
pub fn install(request: InstallRequest) -> Result<Installation, ProviderError> {
    let store: Store = read(request.mode, "/v1/store")?;
    let webhook = webhook(&request, Vec::new());
    Ok(Installation {
        installation_id: request.installation_id,
        workspace: request.workspace,
        mode: request.mode,
        account: Some(store.id),
        webhook,
        extras: Vec::new(),
    })
}

/// Takes new credentials of the same store, and a new signing secret. There is nothing to correct at Andes Pay.
pub fn repair(
    mut installation: Installation,
    request: &InstallRequest,
) -> Result<RepairOutcome, ProviderError> {
    let store: Store = read(installation.mode, "/v1/store")?;
    if installation.account.as_ref().is_some_and(|known| *known != store.id) {
        return Err(ProviderError::InvalidCredentials(problem(
            "account-mismatch",
            "These credentials belong to another store than the one that is installed.",
            "To use another store, uninstall first.",
        )));
    }
    let known = std::mem::take(&mut installation.webhook.signing_secrets);
    let (before, count) = (known.first().cloned(), known.len());
    installation.account = Some(store.id);
    installation.webhook = webhook(request, known);
    let secrets = &installation.webhook.signing_secrets;
    let is_new = secrets.len() != count || secrets.first() != before.as_ref();
    let changes = is_new.then(|| "Deliveries are verified with the new signing secret.".to_owned());
    Ok(RepairOutcome { installation, changes: changes.into_iter().collect() })
}

/// The merchant's webhook. A signing secret that was given comes first.
fn webhook(request: &InstallRequest, mut secrets: Vec<String>) -> WebhookRegistration {
    let given = request.credentials.iter().find(|credential| credential.name == SIGNING_SECRET);
    if let Some(secret) = given.and_then(|credential| credential.signing_secret.clone()) {
        secrets.retain(|known| *known != secret);
        secrets.insert(0, secret);
        secrets.truncate(KEPT_SECRETS);
    }
    let url = own_url(&request.webhook_urls, request.mode).to_owned();
    WebhookRegistration {
        endpoint_id: None,
        owner: WebhookOwner::Merchant,
        verification: if secrets.is_empty() { Verification::None } else { Verification::ByPlugin },
        problem: secrets.is_empty().then(|| secret_not_given(&url)),
        url,
        signing_secrets: secrets,
    }
}

fn own_url(urls: &WebhookUrls, mode: Mode) -> &str {
    let own = &urls.installation;
    if mode == Mode::Live { &own.live } else { &own.test }
}

fn secret_not_given(url: &str) -> Problem {
    let steps = [
        &format!("In Andes Pay, open Settings → Webhooks and make a webhook with this URL: {url}"),
        "Copy its signing secret (whk_...).",
        "Install again with the same store id and token, and with the signing secret.",
    ];
    Problem {
        code: "webhook-secret-not-given".to_owned(),
        message: "The signing secret of your webhook is not known. Brain Studio asks Andes Pay about each payment instead.".to_owned(),
        remedy: steps.map(str::to_owned).to_vec(),
    }
}

/// Checks the connection, with one request.
pub fn report_status(installation: &Installation) -> StatusReport {
    let store: Result<Store, _> = read(installation.mode, "/v1/store");
    let checks = match store {
        Ok(store) => vec![
            check("key", Verdict::Pass, Ok("Andes Pay accepts the store id and the token.")),
            permissions(&store),
            account(&store),
            webhook_secret(installation),
        ],
        Err(error) => {
            let verdict = match error {
                ProviderError::InvalidCredentials(_) => Verdict::Fail,
                _ => Verdict::Unknown,
            };
            let why = problem_of(error);
            let other = ["permissions", "account-can-charge"]
                .map(|id| check(id, Verdict::Unknown, Err(why.clone())));
            let mut checks = vec![check("key", verdict, Err(why))];
            checks.extend(other);
            checks.push(webhook_secret(installation));
            checks
        }
    };
    StatusReport { checks }
}

fn permissions(store: &Store) -> Check {
    let has = |id: &str| store.permissions.iter().any(|permission| permission == id);
    let missing: Vec<&str> = PERMISSIONS.iter().map(|(id, _)| *id).filter(|id| !has(id)).collect();
    if missing.is_empty() {
        return check("permissions", Verdict::Pass, Ok("The token has every permission."));
    }
    // Without `refunds` payments work.
    let verdict = if missing.contains(&"payments") { Verdict::Fail } else { Verdict::Warn };
    let missing = missing.join(", ");
    let why = problem(
        "permission-missing",
        format!("The token lacks these permissions: {missing}."),
        &format!("In Andes Pay, open Settings → Tokens, and give the token: {missing}."),
    );
    check("permissions", verdict, Err(why))
}

fn account(store: &Store) -> Check {
    if store.can_charge {
        return check("account-can-charge", Verdict::Pass, Ok("The store can take payments."));
    }
    let why = problem(
        "account-can-charge",
        "Andes Pay does not let this store take payments yet.",
        "In Andes Pay, open Settings → Store, and answer everything that is asked for.",
    );
    check("account-can-charge", Verdict::Fail, Err(why))
}

fn webhook_secret(installation: &Installation) -> Check {
    match &installation.webhook.problem {
        None => {
            check("webhook-secret", Verdict::Pass, Ok("The webhook's signing secret is known."))
        }
        Some(problem) => check("webhook-secret", Verdict::Warn, Err(problem.clone())),
    }
}

fn check(id: &str, verdict: Verdict, finding: Result<&str, Problem>) -> Check {
    let (message, remedy) = match finding {
        Ok(message) => (message.to_owned(), Vec::new()),
        Err(problem) => (problem.message, problem.remedy),
    };
    Check { id: id.to_owned(), verdict, message, remedy }
}
