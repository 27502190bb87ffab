//! Arguments with which each function of the contract can be called, as the bindings read them.

use serde_json::{Value, json};

use crate::contract::types::{
    AttemptSearch, CaptureMethod, CompletionRequest, Credential, CredentialField,
    CredentialMeaning, CredentialRole, EventQuery, InstallRequest, Installation, Manifest, Mode,
    Money, PaymentRequest, RefundRequest, RefundSearch, StatusRequest, Verification, WebhookOwner,
    WebhookRegistration, WebhookRequest,
};
use crate::marketplace::webhook_urls;

const INSTALLATION: &str = "installation-1";
const WORKSPACE: &str = "workspace-1";
const REFERENCE: &str = "order-1";
const ATTEMPT: &str = "attempt-1";

/// What the examples are about.
#[derive(Clone)]
pub struct Examples {
    credentials: Vec<Credential>,
    provider_id: String,
    signature_header: Option<String>,
    now: u64,
    /// The installation of each call.
    pub installation: Installation,
    /// The payment that is read, completed, canceled and given back.
    pub payment: String,
    /// The refund that is read.
    pub refund: String,
}

impl Examples {
    /// Examples for a provider, at a time in Unix seconds.
    #[must_use]
    pub fn new(manifest: &Manifest, now: u64) -> Self {
        let urls = webhook_urls(&manifest.provider_id, INSTALLATION);
        let is_signed = !manifest.signature_headers.is_empty();
        let installation = Installation {
            installation_id: INSTALLATION.to_owned(),
            workspace: WORKSPACE.to_owned(),
            mode: Mode::Test,
            account: None,
            webhook: WebhookRegistration {
                endpoint_id: None,
                url: urls.installation.test,
                owner: WebhookOwner::Merchant,
                verification: if is_signed { Verification::ByPlugin } else { Verification::None },
                signing_secrets: Vec::new(),
                problem: None,
            },
            extras: Vec::new(),
        };
        Self {
            credentials: manifest.credentials.iter().filter_map(credential).collect(),
            provider_id: manifest.provider_id.clone(),
            signature_header: manifest.signature_headers.first().cloned(),
            now,
            installation,
            payment: "payment-1".to_owned(),
            refund: "refund-1".to_owned(),
        }
    }

    /// The arguments of a function. None: the contract has no such function.
    #[must_use]
    pub fn arguments(&self, function: &str) -> Option<Value> {
        let installation = &self.installation;
        let with = |request: Value| json!({ "installation": installation, "request": request });
        Some(match function {
            "describe" => json!({}),
            "install" => json!({ "request": self.install_request() }),
            "repair" => with(json!(self.install_request())),
            "uninstall" => json!({ "installation": installation }),
            "report-status" => with(json!(StatusRequest {
                credentials: self.credentials.iter().map(unchanged).collect(),
                webhook_urls: webhook_urls(&self.provider_id, INSTALLATION),
            })),
            "create-payment" => with(json!(self.payment_request())),
            "find-payment" => json!({ "installation": installation, "search": AttemptSearch {
                attempt_id: ATTEMPT.to_owned(), reserved_at: self.now, cursor: None,
            }}),
            "get-payment" | "cancel-payment" => {
                json!({ "installation": installation, "id": self.payment })
            }
            "complete-payment" => with(json!(CompletionRequest {
                payment: self.payment.clone(),
                attempt_id: "attempt-2".to_owned(),
                idempotency_key: "attempt-2".to_owned(),
                reserved_at: self.now,
                return_query: None,
            })),
            "refund-payment" => with(json!(RefundRequest {
                payment: self.payment.clone(),
                reference: "refund-of-order-1".to_owned(),
                attempt_id: "attempt-3".to_owned(),
                idempotency_key: "attempt-3".to_owned(),
                reserved_at: self.now,
                minor_units: None,
            })),
            "find-refund" => json!({ "installation": installation, "search": RefundSearch {
                payment: self.payment.clone(),
                attempt_id: "attempt-3".to_owned(),
                reserved_at: self.now,
                cursor: None,
            }}),
            "get-refund" => json!({ "installation": installation, "id": self.refund }),
            "identify-webhook" => json!({ "request": self.delivery() }),
            "handle-webhook" => with(json!(self.delivery())),
            "list-events" => json!({ "installation": installation, "query": EventQuery {
                // A day ago.
                since: self.now.saturating_sub(86_400), limit: 10, cursor: None,
            }}),
            _ => return None,
        })
    }

    fn install_request(&self) -> InstallRequest {
        InstallRequest {
            installation_id: INSTALLATION.to_owned(),
            workspace: WORKSPACE.to_owned(),
            mode: Mode::Test,
            credentials: self.credentials.clone(),
            webhook_urls: webhook_urls(&self.provider_id, INSTALLATION),
            webhook_owner: WebhookOwner::Merchant,
            known_payment: None,
        }
    }

    fn payment_request(&self) -> PaymentRequest {
        PaymentRequest {
            reference: REFERENCE.to_owned(),
            attempt_id: ATTEMPT.to_owned(),
            idempotency_key: ATTEMPT.to_owned(),
            reserved_at: self.now,
            amount: Money { minor_units: 1050, currency: "usd".to_owned() },
            description: None,
            success_url: "https://shop.example/thank-you".to_owned(),
            cancel_url: None,
            expires_at: None,
            capture_method: CaptureMethod::Automatic,
        }
    }

    /// A delivery that nobody has signed.
    fn delivery(&self) -> WebhookRequest {
        let signature = self.signature_header.clone().map(|name| (name, "signature".to_owned()));
        WebhookRequest {
            headers: signature.into_iter().collect(),
            query: format!("provider={}", self.provider_id),
            body: b"{}".to_vec(),
        }
    }
}

/// A credential as the plugin sees it: of the first kind that is accepted, for test mode if there is one.
fn credential(field: &CredentialField) -> Option<Credential> {
    let accepted = field.rules.iter().filter_map(|rule| match &rule.meaning {
        CredentialMeaning::Accepted(accepted) => Some(accepted),
        CredentialMeaning::Refused(_) => None,
    });
    let kind = accepted.clone().find(|accepted| accepted.mode != Some(Mode::Live));
    let is_given = field.required || field.role == CredentialRole::SigningSecret;
    let kind = kind.or(accepted.into_iter().next()).filter(|_| is_given)?.kind.clone();
    Some(Credential { name: field.name.clone(), kind, changed: true, signing_secret: None })
}

fn unchanged(credential: &Credential) -> Credential {
    Credential { changed: false, ..credential.clone() }
}
