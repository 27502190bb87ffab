//! What keeps the ledger in order: the attention list, reconciliation, a restored backup, pruning.

use axum::extract::State;
use serde::Deserialize;

use super::request::{Form, Input, Named, Nothing, Params, Scoped, default_workspace, malformed};
use super::{Answer, Answered, Control};
use crate::marketplace::LEAST_PRUNED_DAYS;
use crate::views;

/// The query of the attention list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttentionQuery {
    provider: Option<String>,
    #[serde(default = "default_workspace")]
    workspace: String,
    #[serde(default)]
    closed: bool,
}

pub async fn attention(
    State(control): State<Control>,
    Params(AttentionQuery { provider, workspace, closed }): Params<AttentionQuery>,
) -> Answered {
    let marketplace = control.of(&Scoped { provider, workspace }).await?;
    Ok(Answer(if closed {
        views::closed_attention(&marketplace.closed_attention().await?)
    } else {
        views::attention(&marketplace.attention().await?)
    }))
}

pub async fn accept(
    State(control): State<Control>,
    Named(id): Named<u64>,
    Params(scoped): Params<Scoped>,
    Input(Nothing {}): Input<Nothing>,
) -> Answered {
    control.of(&scoped).await?.accept_attention(id).await?;
    Ok(Answer(views::accepted(id)))
}

/// The body that closes an entry.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resolve {
    note: String,
}

impl Form for Resolve {
    const EXAMPLE: &str = r#"{"note": "refunded by bank transfer"}"#;
}

pub async fn resolve(
    State(control): State<Control>,
    Named(id): Named<u64>,
    Params(scoped): Params<Scoped>,
    Input(Resolve { note }): Input<Resolve>,
) -> Answered {
    if note.trim().is_empty() {
        return Err(malformed::<Resolve>("the note is empty"));
    }
    control.of(&scoped).await?.resolve_attention(id, &note).await?;
    Ok(Answer(views::resolved(id)))
}

pub async fn reconcile(
    State(control): State<Control>,
    Params(scoped): Params<Scoped>,
    Input(Nothing {}): Input<Nothing>,
) -> Answered {
    let summary = control.of(&scoped).await?.reconcile(|_| ()).await?;
    Ok(Answer(views::reconciliation(&summary)))
}

pub async fn restored(
    State(control): State<Control>,
    Input(Nothing {}): Input<Nothing>,
) -> Answered {
    Ok(Answer(views::restored(&control.providers.any().record_restored().await?)))
}

/// The body of a prune.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prune {
    older_than: u64,
}

impl Form for Prune {
    const EXAMPLE: &str = r#"{"older_than": 90}"#;
}

pub async fn prune(
    State(control): State<Control>,
    Input(Prune { older_than }): Input<Prune>,
) -> Answered {
    if older_than < LEAST_PRUNED_DAYS {
        return Err(malformed::<Prune>(format_args!("{LEAST_PRUNED_DAYS} days are the least")));
    }
    Ok(Answer(views::pruned(&control.providers.any().prune(older_than).await?)))
}
