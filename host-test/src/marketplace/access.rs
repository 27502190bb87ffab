//! What the calls of one installation may reach, and who is told of answers that are refused.

use std::sync::Arc;

use super::{Error, Marketplace, changed};
use crate::contract::types::Mode;
use crate::egress::{Credentials, Gateway, PageOrigins};
use crate::fair_places::Owner;
use crate::foreign::AnswerError;
use crate::plugin::{Call, Witness};
use crate::telemetry::SecurityEvent;
use ledger::{AttentionCode, AttentionDetails, Ledger, Scope, StoredInstallation};

/// What the calls of one installation may reach.
#[derive(Clone)]
pub(super) struct Access {
    gateway: Gateway,
    owner: Owner,
    mode: Mode,
    credentials: Credentials,
    pages: PageOrigins,
    witness: Witness,
}

impl Access {
    /// The access of one call: how many requests it may send is counted from 0.
    pub fn call(&self) -> Call {
        Call {
            egress: self.gateway.egress(self.owner.clone(), self.mode, self.credentials.clone()),
            pages: self.pages.clone(),
            witness: Some(Arc::clone(&self.witness)),
        }
    }
}

impl Marketplace {
    /// The access of an installation. Refused unless it belongs to this component, which is built in or approved.
    pub(super) fn access(
        &self,
        stored: &StoredInstallation,
        credentials: &Credentials,
        mode: Mode,
    ) -> Result<Access, Error> {
        self.check_component(stored)?;
        Ok(Access {
            gateway: self.gateway.clone(),
            owner: Owner::new(self.provider_id(), &stored.id),
            mode,
            credentials: credentials.clone(),
            pages: self.gateway.page_origins().with(&stored.page_origins),
            witness: self.witness(self.scope(&stored.workspace, mode), stored.id.clone()),
        })
    }

    /// Writes a refused answer to the log. One that holds a secret needs a person as well.
    fn witness(&self, scope: Scope, installation: String) -> Witness {
        let (ledger, clock) = (Arc::clone(&self.ledger), self.clock.clone());
        let telemetry = Arc::clone(&self.telemetry);
        Arc::new(move |function, why| {
            let event = match why {
                AnswerError::SecretFound => SecurityEvent::SecretFound,
                AnswerError::PageNotApproved(_) => SecurityEvent::PageNotApproved,
                AnswerError::Malformed(_) | AnswerError::NotAsked(_) => {
                    SecurityEvent::AnswerRefused
                }
            };
            let what = format_args!("an answer of {function} was refused: {why}");
            telemetry.security(event, &installation, what);
            let (ledger, now) = (Arc::clone(&ledger), clock.now());
            let (scope, installation) = (scope.clone(), installation.clone());
            Box::pin(async move {
                if why != AnswerError::SecretFound {
                    return;
                }
                let raise = move |ledger: &mut Ledger| {
                    let reason = Some(why.problem().into());
                    let details = AttentionDetails { reason, ..AttentionDetails::default() };
                    let code = AttentionCode::AnswerHoldsSecret;
                    ledger.raise_attention(&scope, code, &installation, details, now)
                };
                if changed(&ledger, raise).await.is_err() {
                    tracing::error!("the attention list could not be written");
                }
            })
        })
    }
}
