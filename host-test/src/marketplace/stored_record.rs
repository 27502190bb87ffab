//! What an installation's plugin gets back at every call, as it is stored: JSON that is sealed by the vault.
//!
//! The type is the host's own, so that a new field of the contract does not make stored installations
//! unreadable. A new field here needs `#[serde(default)]`, and no field or case is ever renamed.

use serde::{Deserialize, Serialize};

use crate::contract::types::{Installation, Verification, WebhookOwner, WebhookRegistration};

#[derive(Serialize, Deserialize)]
pub(super) struct StoredRecord {
    installation_id: String,
    workspace: String,
    mode: ledger::types::Mode,
    account: Option<String>,
    webhook: StoredWebhook,
    #[serde(default)]
    extras: Vec<(String, String)>,
}

#[derive(Serialize, Deserialize)]
struct StoredWebhook {
    endpoint_id: Option<String>,
    url: String,
    owner: StoredOwner,
    verification: StoredVerification,
    signing_secrets: Vec<String>,
    problem: Option<ledger::types::Problem>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
enum StoredOwner {
    Plugin,
    Merchant,
    Nobody,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
enum StoredVerification {
    ByPlugin,
    None,
}

impl From<Installation> for StoredRecord {
    fn from(installation: Installation) -> Self {
        let webhook = installation.webhook;
        Self {
            installation_id: installation.installation_id,
            workspace: installation.workspace,
            mode: installation.mode.into(),
            account: installation.account,
            webhook: StoredWebhook {
                endpoint_id: webhook.endpoint_id,
                url: webhook.url,
                owner: match webhook.owner {
                    WebhookOwner::Plugin => StoredOwner::Plugin,
                    WebhookOwner::Merchant => StoredOwner::Merchant,
                    WebhookOwner::Nobody => StoredOwner::Nobody,
                },
                verification: match webhook.verification {
                    Verification::ByPlugin => StoredVerification::ByPlugin,
                    Verification::None => StoredVerification::None,
                },
                signing_secrets: webhook.signing_secrets,
                problem: webhook.problem.map(Into::into),
            },
            extras: installation.extras,
        }
    }
}

impl From<StoredRecord> for Installation {
    fn from(record: StoredRecord) -> Self {
        let webhook = record.webhook;
        Self {
            installation_id: record.installation_id,
            workspace: record.workspace,
            mode: record.mode.into(),
            account: record.account,
            webhook: WebhookRegistration {
                endpoint_id: webhook.endpoint_id,
                url: webhook.url,
                owner: match webhook.owner {
                    StoredOwner::Plugin => WebhookOwner::Plugin,
                    StoredOwner::Merchant => WebhookOwner::Merchant,
                    StoredOwner::Nobody => WebhookOwner::Nobody,
                },
                verification: match webhook.verification {
                    StoredVerification::ByPlugin => Verification::ByPlugin,
                    StoredVerification::None => Verification::None,
                },
                signing_secrets: webhook.signing_secrets,
                problem: webhook.problem.map(Into::into),
            },
            extras: record.extras,
        }
    }
}
