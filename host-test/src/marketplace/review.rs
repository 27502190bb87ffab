//! The review of a component: what an operator reads before it may be used.

use serde::Serialize;

use crate::contract::types::{CredentialField, CredentialRole};
use crate::egress::unusual_ports;
use crate::foreign::line;
use crate::plugin::Plugin;
use ledger::InstalledComponent;

/// How much of what a permission is for is shown, in characters. Our own choice.
const LONGEST_PURPOSE: usize = 120;

/// What a component is, what it asks for, and what it changes. Every text is readable.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Review {
    /// The SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
    /// The id of the provider that it wants to be.
    pub provider_id: String,
    /// The provider's name.
    pub name: String,
    /// The plugin's version, as it says.
    pub version: String,
    /// The functions that it can call.
    pub imports: Vec<String>,
    /// What it asks for.
    pub asks: Vec<String>,
    /// The ports other than 443 that it uses.
    pub unusual_ports: Vec<u16>,
    /// The credentials that the merchant would give.
    pub credentials: Vec<String>,
    /// What those have to permit, and for what.
    pub permissions: Vec<String>,
    /// The installations that it would take over from another component.
    pub takes_over: Vec<String>,
    /// What it asks for and the component before did not.
    pub added: Vec<String>,
    /// What the component before asked for and it does not.
    pub removed: Vec<String>,
    /// Whether it is known what the component before asked for.
    pub is_compared: bool,
    /// Whether all of this is approved.
    pub is_approved: bool,
}

impl Review {
    /// The review of a plugin. `before` is what was approved for the components of `installed`.
    pub(super) fn of(
        plugin: &Plugin,
        installed: &[InstalledComponent],
        before: &[(String, String)],
        is_approved: bool,
    ) -> Self {
        let manifest = plugin.manifest();
        let asks: Vec<String> = manifest.approvals().into_iter().map(|(_, what)| what).collect();
        let before: Vec<&String> = before.iter().map(|(_, what)| what).collect();
        let is_compared = !before.is_empty();
        let added = asks.iter().filter(|what| is_compared && !before.contains(what)).cloned();
        let removed = before.iter().copied().filter(|what| !asks.contains(what)).cloned();
        let permissions = manifest.permissions.iter();
        Self {
            sha256: plugin.sha256().to_owned(),
            provider_id: manifest.provider_id.clone(),
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            imports: plugin.inspection().callable_imports.clone(),
            unusual_ports: unusual_ports(manifest),
            credentials: manifest.credentials.iter().map(credential).collect(),
            permissions: permissions
                .map(|permission| format!("{}: {}", permission.id, short(&permission.purpose)))
                .collect(),
            takes_over: installed.iter().map(taken_over).collect(),
            added: added.collect(),
            removed: removed.collect(),
            asks,
            is_compared,
            is_approved,
        }
    }
}

/// So short that it does not wrap on a terminal many times, and with single spaces: a line of its own could look like
/// one of ours.
fn short(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    line(&words.join(" "), LONGEST_PURPOSE).into_owned()
}

fn credential(field: &CredentialField) -> String {
    let role = match field.role {
        CredentialRole::Authorization => "the host adds it to requests, the plugin does not see it",
        CredentialRole::SigningSecret => "the plugin gets it, to verify deliveries",
    };
    let kind = if field.secret { "secret" } else { "not secret" };
    format!("{} ({kind}): {role}", field.name)
}

fn taken_over(installed: &InstalledComponent) -> String {
    let number = match installed.installations {
        1 => "1 installation".to_owned(),
        number => format!("{number} installations"),
    };
    let mode = installed.mode.map_or("unfinished", ledger::types::Mode::as_str);
    let component = if installed.component.is_built_in {
        "the built-in component".to_owned()
    } else {
        format!("the component {}", installed.component.sha256)
    };
    format!("{number} ({mode}) of {component}")
}
