//! Installations and components: status, install, repair, uninstall, review and approval.

use std::collections::BTreeMap;

use axum::extract::State;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;

use super::refusal::Refusal;
use super::request::{ChosenMode, Form, Input, Nothing, OfProvider, Params, Scoped, malformed};
use super::{Answer, Answered, Control};
use crate::contract::types::Problem;
use crate::egress::Credentials;
use crate::marketplace::{Connection, Error, InstallOptions, Marketplace, TakeOver};
use crate::views;

/// How many workspaces are listed at most at once. Our own choice.
const MOST_WORKSPACES: u32 = 1000;

pub async fn status(State(control): State<Control>, Params(scoped): Params<Scoped>) -> Answered {
    let (connection, report) = control.of(&scoped).await?.status().await?;
    Ok(Answer(views::connection(&connection, &report.checks)))
}

/// The body of an install.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Install {
    credentials: BTreeMap<String, SecretString>,
    webhook: Option<Webhook>,
    mode: Option<ChosenMode>,
}

/// Who creates the webhook.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Webhook {
    Automatic,
    Manual,
}

impl Form for Install {
    const EXAMPLE: &str =
        r#"{"credentials": {"api-key": "KEY"}, "webhook": "automatic", "mode": "test"}"#;
}

pub async fn install(
    State(control): State<Control>,
    Params(scoped): Params<Scoped>,
    Input(Install { credentials, webhook, mode }): Input<Install>,
) -> Answered {
    let all = control.providers.meant(scoped.provider.as_deref())?;
    let fields = &all.plugin().manifest().credentials;
    if !credentials.keys().all(|name| fields.iter().any(|field| field.name == *name)) {
        let names: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
        return Err(Refusal::malformed(Problem::new(
            "credential-unknown",
            "The plugin has no credential of a name that was given.",
            &[&format!("Its credentials are: {}.", names.join(", "))],
        )));
    }
    let options = InstallOptions {
        credentials: Credentials::new(credentials),
        mode: mode.map(Into::into),
        webhook_is_manual: webhook.map(|webhook| matches!(webhook, Webhook::Manual)),
        approve_origins: false,
    };
    let marketplace = match control.of(&scoped).await {
        Err(Error::WorkspaceUnknown(_)) => {
            // What is refused creates no workspace.
            all.check_new(&options)?;
            all.in_new_workspace(&scoped.workspace).await?
        }
        known => known?,
    };
    let connection = marketplace.install(options).await?;
    Ok(with_checks(&marketplace, &connection).await)
}

pub async fn repair(
    State(control): State<Control>,
    Params(scoped): Params<Scoped>,
    Input(Nothing {}): Input<Nothing>,
) -> Answered {
    let marketplace = control.of(&scoped).await?;
    let connection = marketplace.repair().await?;
    Ok(with_checks(&marketplace, &connection).await)
}

/// An installation and its checks.
async fn with_checks(marketplace: &Marketplace, connection: &Connection) -> Answer {
    // The install or repair has succeeded, even if the status report fails.
    let checks =
        marketplace.status().await.map_or_else(|_| Vec::new(), |(_, report)| report.checks);
    Answer(views::connection(connection, &checks))
}

/// The body of an uninstall.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Uninstall {
    #[serde(default)]
    force: bool,
}

impl Form for Uninstall {
    const EXAMPLE: &str = r#"{"force": false}"#;
}

pub async fn uninstall(
    State(control): State<Control>,
    Params(scoped): Params<Scoped>,
    Input(Uninstall { force }): Input<Uninstall>,
) -> Answered {
    let removed = control.of(&scoped).await?.uninstall(force).await?;
    Ok(Answer(views::uninstalled(&removed)))
}

/// The query of the list of workspaces.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkspacesQuery {
    provider: Option<String>,
    #[serde(default)]
    from: String,
    #[serde(default = "default_workspaces")]
    limit: u32,
}

fn default_workspaces() -> u32 {
    100
}

pub async fn workspaces(
    State(control): State<Control>,
    Params(WorkspacesQuery { provider, from, limit }): Params<WorkspacesQuery>,
) -> Answered {
    let marketplace = control.providers.meant(provider.as_deref())?;
    let page = marketplace.workspaces(&from, limit.min(MOST_WORKSPACES)).await?;
    Ok(Answer(views::workspaces(&page)))
}

pub async fn component(
    State(control): State<Control>,
    Params(OfProvider { provider }): Params<OfProvider>,
) -> Answered {
    let marketplace = control.providers.meant(provider.as_deref())?;
    Ok(Answer(views::component(marketplace.plugin())))
}

pub async fn review(
    State(control): State<Control>,
    Params(OfProvider { provider }): Params<OfProvider>,
) -> Answered {
    let marketplace = control.providers.meant(provider.as_deref())?;
    let review = marketplace.review(TakeOver::All).await?;
    Ok(Answer(json!(review)))
}

/// The body of an approval: of a component with its ports, or of an origin of pages.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approve {
    sha256: Option<String>,
    ports: Option<Vec<u16>>,
    page_origin: Option<String>,
}

impl Form for Approve {
    const EXAMPLE: &str =
        r#"{"sha256": "HASH", "ports": [8443]} or {"page_origin": "https://pay.example.com"}"#;
}

pub async fn approve(
    State(control): State<Control>,
    Params(scoped): Params<Scoped>,
    Input(approve): Input<Approve>,
) -> Answered {
    match approve {
        Approve { sha256: Some(sha256), ports, page_origin: None } => {
            let ports = ports.unwrap_or_default();
            let marketplace = control.providers.meant(scoped.provider.as_deref())?;
            let (review, moved) = marketplace.approve_exactly(&sha256, &ports).await?;
            Ok(Answer(views::approved(&review, moved)))
        }
        Approve { sha256: None, ports: None, page_origin: Some(origin) } => {
            control.of(&scoped).await?.approve_page_origin(&origin).await?;
            Ok(Answer(views::page_origin_approved(&origin)))
        }
        _ => Err(malformed::<Approve>("it is not exactly one of the two approvals")),
    }
}
