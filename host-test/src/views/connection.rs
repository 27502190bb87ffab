//! Installations and their checks, and what an uninstall has left.

use serde_json::{Value, json};

use super::problem;
use crate::contract::types::{Check, Mode, Verdict};
use crate::marketplace::{Connection, Uninstalled, WorkspacePage};

/// An installation and its checks.
#[must_use]
pub fn connection(connection: &Connection, checks: &[Check]) -> Value {
    json!({
        "installation": connection.installation,
        "provider": connection.provider,
        "mode": connection.mode.as_str(),
        "account": connection.account,
        "webhook_url": connection.webhook_url,
        "installation_url": connection.installation_url,
        "page_origins": connection.page_origins,
        "problem": connection.problem.as_ref().map(problem),
        "changes": connection.changes,
        "rotation": connection.is_rotation,
        "checks": checks.iter().map(check).collect::<Vec<_>>(),
    })
}

fn check(check: &Check) -> Value {
    json!({
        "id": check.id,
        "verdict": verdict(check.verdict),
        "message": check.message,
        "remedy": check.remedy,
    })
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Warn => "warn",
        Verdict::Fail => "fail",
        Verdict::Unknown => "unknown",
    }
}

/// The result of an uninstall.
#[must_use]
pub fn uninstalled(removed: &Uninstalled) -> Value {
    let left = removed.left.as_ref().map(|left| {
        json!({
            "endpoint": left.endpoint,
            "url": left.url,
            "problem": left.because.as_ref().map(problem),
        })
    });
    let open = removed.open.iter().map(|payment| {
        json!({
            "reference": payment.reference,
            "payment": payment.payment,
            "problem": problem(&payment.because),
        })
    });
    json!({
        "uninstalled": true,
        "mode": removed.mode.map(Mode::as_str),
        "left": left,
        "open": open.collect::<Vec<_>>(),
        "draining_until": removed.draining_until,
    })
}

/// Workspaces, with what is installed in each.
#[must_use]
pub fn workspaces(page: &WorkspacePage) -> Value {
    let workspaces = page.workspaces.iter().map(|workspace| {
        let installed = workspace.installed.as_ref().map(|installed| {
            json!({
                "installation": installed.id,
                "state": installed.state.as_str(),
                "mode": installed.mode.map(ledger::types::Mode::as_str),
                "account": installed.account,
            })
        });
        json!({ "name": workspace.name, "installed": installed })
    });
    json!({ "workspaces": workspaces.collect::<Vec<_>>(), "next": page.next })
}
