//! Calling single functions of the contract, for plugin developers: arguments and answer as JSON.
//!
//! Nothing but what stands in for the provider is called, so that a component needs no approval. The answer passes the
//! same checks as in every use case.

mod dispatch;
mod error;
mod examples;
mod profile;

mod wit_json;

use std::sync::Arc;

use serde_json::Value;
use thiserror::Error;

use crate::contract::types::{CredentialRole, Mode, Problem, ProviderError};
use crate::egress::{
    Clients, Credentials, Gateway, OriginOverride, Policy, PolicyError, RequestLimits,
};
use crate::fair_places::Owner;
use crate::plugin::{Call, CallError, Plugin, Signature, origins_invalid};
use crate::telemetry::Telemetry;

pub use error::ArgumentError;
pub use examples::Examples;
pub use profile::{FunctionProfile, profile};

/// In place of a signing secret in an answer.
const HIDDEN: &str = "(hidden)";

/// Why a function was not called, or has no answer.
#[derive(Debug, Error)]
pub enum CallingError {
    /// The arguments cannot be used.
    #[error(transparent)]
    Arguments(#[from] ArgumentError),
    /// The manifest's rules refuse the credentials.
    #[error("{}", .0.problem().message)]
    Credentials(ProviderError),
    /// The origins of the manifest cannot be used.
    #[error(transparent)]
    Origins(PolicyError),
    /// There is no HTTP client.
    #[error("the HTTP client cannot be made: {0}")]
    Client(String),
    /// The call has no answer that may be used.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl CallingError {
    /// The problem for a plugin developer.
    #[must_use]
    pub fn problem(&self) -> Problem {
        match self {
            Self::Arguments(error) => error.problem(),
            Self::Credentials(error) => error.problem().clone(),
            Self::Origins(error) => origins_invalid(error),
            Self::Client(_) => Problem::new(
                "client-failed",
                format!("{self}."),
                &["Check that the system's certificates can be read."],
            ),
            Self::Call(error) => error.problem(),
        }
    }
}

/// An answer of a function, as the contract names its parts.
pub struct Answer {
    /// The answer. Signing secrets are hidden in it.
    pub json: Value,
    /// Whether the function has answered with an error.
    pub is_error: bool,
}

/// A plugin whose functions are called one by one, with what stands in for its provider.
pub struct Caller {
    plugin: Plugin,
    signatures: Vec<Signature>,
    gateway: Gateway,
    credentials: Credentials,
    /// What deliveries are signed with, beside the signing secrets among the credentials.
    signing_secrets: Vec<String>,
}

impl Caller {
    /// Calls to a plugin. `overrides` are all that can be reached. `signing_secrets`: those that are no credentials.
    ///
    /// # Errors
    ///
    /// The manifest's origins cannot be used, or there is no HTTP client.
    pub fn new(
        plugin: Plugin,
        overrides: &[OriginOverride],
        credentials: Credentials,
        signing_secrets: Vec<String>,
    ) -> Result<Self, CallingError> {
        let manifest = plugin.manifest();
        let policy = Policy::new(manifest, overrides).map_err(CallingError::Origins)?.offline();
        let clients = Clients::new().map_err(|error| CallingError::Client(error.to_string()))?;
        let telemetry = Arc::new(Telemetry::new(&manifest.provider_id));
        let gateway = Gateway::new(clients, policy, RequestLimits::default(), telemetry);
        let signatures = plugin.signatures();
        Ok(Self { plugin, signatures, gateway, credentials, signing_secrets })
    }

    /// The functions that can be called.
    #[must_use]
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// A function by its name.
    fn signature(&self, function: &str) -> Result<&Signature, ArgumentError> {
        self.signatures.iter().find(|signature| signature.name == function).ok_or_else(|| {
            let known = self.signatures.iter().map(|signature| signature.name.clone());
            ArgumentError::unknown_function(function, known.collect())
        })
    }

    /// Arguments of a function to begin with.
    ///
    /// # Errors
    ///
    /// The contract has no such function.
    pub fn example(&self, function: &str, examples: &Examples) -> Result<Value, ArgumentError> {
        let signature = self.signature(function)?;
        let Some(Value::Object(mut arguments)) = examples.arguments(function) else {
            return Err(ArgumentError::unknown_function(function, Vec::new()));
        };
        let parameters = signature.parameters.iter().map(|(name, of)| {
            (name.clone(), wit_json::written(arguments.remove(name).unwrap_or_default(), of))
        });
        Ok(parameters.collect())
    }

    /// Calls a function with arguments as [`Self::example`] writes them. Signing secrets that they leave out are filled
    /// in.
    ///
    /// # Errors
    ///
    /// The arguments or the credentials cannot be used, or the call has no answer that may be used.
    pub async fn call(&self, function: &str, arguments: &Value) -> Result<Answer, CallingError> {
        let signature = self.signature(function)?;
        let arguments = wit_json::arguments(arguments, &signature.parameters)?;
        let mut answer = self.dispatch(function, arguments).await?;
        hide_signing_secrets(&mut answer);
        let is_error = matches!(&answer, Value::Object(fields) if fields.contains_key("Err"));
        let json = match &signature.result {
            Some(of) => wit_json::written(answer, of),
            None => answer,
        };
        Ok(Answer { json, is_error })
    }

    /// One call for an installation in a mode. Without credentials none are checked: nothing can be reached with them.
    pub(crate) fn one_call(&self, mode: Mode) -> Result<Call, CallingError> {
        if self.credentials.iter().next().is_some() {
            let classified = self.plugin.rules().classify(&self.credentials, Some(mode));
            classified.map_err(CallingError::Credentials)?;
        }
        Ok(self.gateway.egress(Owner::default(), mode, self.credentials.clone()).into())
    }

    /// The value of a signing secret among the credentials.
    fn signing_secret(&self, field: &str) -> Option<String> {
        let mut fields = self.plugin.manifest().credentials.iter();
        let is_it = |of: &&crate::contract::types::CredentialField| {
            of.name == field && of.role == CredentialRole::SigningSecret
        };
        fields.find(is_it)?;
        let value = self.credentials.get(field)?;
        Some(secrecy::ExposeSecret::expose_secret(value).to_owned())
    }
}

/// Hides what the answers of `install` and `repair` hold for the host alone.
fn hide_signing_secrets(answer: &mut Value) {
    for place in ["/Ok/webhook/signing_secrets", "/Ok/installation/webhook/signing_secrets"] {
        if let Some(Value::Array(secrets)) = answer.pointer_mut(place) {
            secrets.fill(HIDDEN.into());
        }
    }
}
