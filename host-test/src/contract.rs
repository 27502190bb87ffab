//! The host's bindings of the contract in `wit/`, generated.
//!
//! The functions are synchronous in the contract and asynchronous here: while a guest waits for a response,
//! wasmtime suspends its stack, and no thread is blocked.
//!
//! The generated records derive `Debug`, and some hold a signing secret. Nothing in this crate formats one
//! with `Debug`: the lint `clippy::use_debug` is on.
#![allow(missing_docs, clippy::pedantic, clippy::use_debug)]

wasmtime::component::bindgen!({
    path: "../wit",
    world: "payment-plugin",
    imports: { default: async },
    exports: { default: async },
    additional_derives: [PartialEq, serde::Deserialize, serde::Serialize],
});

impl types::Installation {
    /// An installation in test mode with only signing secrets, for verifying single deliveries.
    #[must_use]
    pub fn ad_hoc(signing_secrets: Vec<String>) -> Self {
        Self {
            installation_id: "ad-hoc".to_owned(),
            workspace: String::new(),
            mode: types::Mode::Test,
            account: None,
            webhook: types::WebhookRegistration {
                endpoint_id: None,
                url: String::new(),
                owner: types::WebhookOwner::Merchant,
                verification: types::Verification::ByPlugin,
                signing_secrets,
                problem: None,
            },
            extras: Vec::new(),
        }
    }
}

impl types::WebhookIdentity {
    /// The identity of a delivery that names nothing.
    #[must_use]
    pub fn nothing() -> Self {
        Self { installation: None, account: None, reference: None, payment: None, mode: None }
    }
}

impl types::EventSubject {
    /// The provider's id of the payment that it is about.
    #[must_use]
    pub fn payment_id(&self) -> Option<&str> {
        match self {
            Self::Payment(payment) => Some(&payment.id),
            Self::Refund(refund) => Some(&refund.payment),
            Self::Dispute(dispute) => Some(&dispute.payment),
            Self::Other(_) => None,
        }
    }
}

impl types::Payment {
    /// The URL where the customer pays. None: this source does not say.
    #[must_use]
    pub fn checkout_url(&self) -> Option<&str> {
        match &self.awaits {
            types::Awaited::Customer(Some(link)) => Some(&link.url),
            _ => None,
        }
    }
}

impl types::PaymentStatus {
    /// The status, as the contract spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        ledger::types::PaymentStatus::from(self).as_str()
    }
}

impl types::RefundStatus {
    /// The status for a program, in lower case with underscores.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Pending => "pending",
            Self::RequiresAction => "requires_action",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
            Self::Other(word) => word,
        }
    }
}

impl types::DisputeStatus {
    /// The status for a program, in lower case with hyphens.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::NeedsResponse => "needs-response",
            Self::UnderReview => "under-review",
            Self::Won => "won",
            Self::Lost => "lost",
            Self::Other(word) => word,
        }
    }
}

impl types::Manifest {
    /// What an operator approves for a component, each with its subject: to be this provider, to call each
    /// origin with its authorization, to receive each signing secret, and to send customers to each origin.
    #[must_use]
    pub fn approvals(&self) -> Vec<(String, String)> {
        let origins = self.origins.iter().map(|origin| {
            (origin.url.clone(), format!("to call {} {}", origin.url, origin.description()))
        });
        let given = self
            .credentials
            .iter()
            .filter(|field| field.role == types::CredentialRole::SigningSecret);
        let given = given.map(|field| {
            (self.provider_id.clone(), format!("to be given the value of {}", field.name))
        });
        let itself = (self.provider_id.clone(), format!("to be the provider {}", self.provider_id));
        let pages = self.customer_origins.iter();
        let pages = pages.map(|origin| (origin.clone(), format!("to send customers to {origin}")));
        std::iter::once(itself).chain(origins).chain(given).chain(pages).collect()
    }
}

impl types::Manifest {
    /// How it reads credentials: which fields there are, and which values mean test mode or live mode.
    #[must_use]
    pub fn reading_of_credentials(&self) -> serde_json::Value {
        let field = |field: &types::CredentialField| {
            serde_json::json!([field.name, field.secret, field.role, field.rules])
        };
        let fields: Vec<_> = self.credentials.iter().map(field).collect();
        serde_json::json!([self.mode_source, fields])
    }
}

#[cfg(test)]
impl types::Manifest {
    /// A manifest without origins and credentials.
    pub(crate) fn empty() -> Self {
        Self {
            provider_id: "P".to_owned(),
            name: "P".to_owned(),
            category: "payments".to_owned(),
            version: "1".to_owned(),
            credentials: Vec::new(),
            mode_source: types::ModeSource::Merchant,
            events: Vec::new(),
            origins: Vec::new(),
            customer_origins: Vec::new(),
            signature_headers: Vec::new(),
            permissions: Vec::new(),
            repeat: types::RepeatRules { header: None, statuses: Vec::new() },
            allotment: types::Allotment { per_second: None, per_month: None },
            extras: Vec::new(),
        }
    }
}

impl types::Origin {
    /// How requests are authorised, and in which mode, for a person.
    fn description(&self) -> String {
        let how = match &self.authorization {
            types::Authorization::None => "without a credential".to_owned(),
            types::Authorization::Bearer(name) => format!("with {name}"),
            types::Authorization::Basic((user, password)) => format!("with {user} and {password}"),
            types::Authorization::Headers(headers) => {
                let headers = headers.iter().map(|(header, name)| format!("{name} as {header}"));
                format!("with {}", headers.collect::<Vec<_>>().join(" and "))
            }
            types::Authorization::ClientCredentials(oauth) => format!(
                "with a token for {} and {} from {}{}",
                oauth.client_id,
                oauth.client_secret,
                oauth.token_url,
                oauth.scope.as_ref().map_or_else(String::new, |scope| format!(" ({scope})"))
            ),
            types::Authorization::Other(scheme) => format!("with the scheme {scheme}"),
        };
        match self.mode {
            Some(mode) => format!("{how}, in {} mode", mode.as_str()),
            None => how,
        }
    }
}

impl types::Mode {
    /// The mode, as the contract spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Live => "live",
        }
    }
}

pub use brain_studio::payments::{http, types};
pub use exports::brain_studio::payments::payment_provider;
