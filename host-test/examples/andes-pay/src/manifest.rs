//! The manifest: what a host has to know before it runs this provider.

use crate::api::{LIVE, SANDBOX, problem};
use crate::bindings::brain_studio::payments::types::{
    AcceptedCredential, Allotment, Authorization, CredentialField, CredentialMeaning,
    CredentialRole, CredentialRule, Manifest, Mode, ModeSource, Origin, Permission, Problem,
    RepeatRules,
};
use crate::webhook::{SIGNATURE_HEADER, TIMESTAMP_HEADER};

const STORE_ID: &str = "store-id";
const TOKEN: &str = "token";
/// The credential that deliveries are verified with.
pub const SIGNING_SECRET: &str = "signing-secret";

/// The permissions that a token needs, and what for.
pub const PERMISSIONS: [(&str, &str); 2] = [
    ("payments", "Creates payments, reads them, completes and cancels them."),
    ("refunds", "Gives money back."),
];
/// Requests a second that Andes Pay allows to a store. Made up: take your provider's.
const REQUESTS_PER_SECOND: u32 = 50;

/// The manifest.
pub fn manifest() -> Manifest {
    let origin = |url: &str, mode| Origin {
        url: url.to_owned(),
        mode: Some(mode),
        authorization: Authorization::Basic((STORE_ID.to_owned(), TOKEN.to_owned())),
    };
    let texts = |texts: [&str; 2]| texts.map(str::to_owned).to_vec();
    Manifest {
        provider_id: "ANDES".to_owned(),
        name: "Andes Pay".to_owned(),
        category: "payments".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        credentials: vec![store_id(), token(), signing_secret()],
        // The same token works in both modes, at other hosts.
        mode_source: ModeSource::Merchant,
        events: texts(["payment.updated", "refund.updated"]),
        origins: vec![origin(SANDBOX, Mode::Test), origin(LIVE, Mode::Live)],
        customer_origins: texts([
            "https://pay.sandbox.andespay.example",
            "https://pay.andespay.example",
        ]),
        signature_headers: texts([SIGNATURE_HEADER, TIMESTAMP_HEADER]),
        permissions: PERMISSIONS
            .map(|(id, purpose)| Permission { id: id.to_owned(), purpose: purpose.to_owned() })
            .to_vec(),
        repeat: RepeatRules { header: None, statuses: vec![429, 502, 503, 504] },
        allotment: Allotment { per_second: Some(REQUESTS_PER_SECOND), per_month: None },
        extras: Vec::new(),
    }
}

fn store_id() -> CredentialField {
    let help = "Paste the store id (store-...) of Settings → Tokens in the dashboard.";
    CredentialField {
        name: STORE_ID.to_owned(),
        label: "Store id".to_owned(),
        help: help.to_owned(),
        required: true,
        secret: false,
        role: CredentialRole::Authorization,
        rules: vec![
            refused("^$", problem("key-missing", "The store id is empty.", help)),
            accepted("^store-[a-z0-9]{4,32}$", "store"),
            refused("", problem("key-malformed", "This is not a store id.", help)),
        ],
    }
}

fn token() -> CredentialField {
    let help = "Paste the token (andes_...) of Settings → Tokens in the dashboard.";
    let malformed = |message| problem("key-malformed", message, help);
    CredentialField {
        name: TOKEN.to_owned(),
        label: "Token".to_owned(),
        help: help.to_owned(),
        required: true,
        secret: true,
        role: CredentialRole::Authorization,
        rules: vec![
            refused("^$", problem("key-missing", "The token is empty.", help)),
            refused("^store-", malformed("This is the store id, not the token.")),
            refused(
                "^whk_",
                problem("key-webhook-secret", "This is a signing secret, not the token.", help),
            ),
            accepted("^andes_[A-Za-z0-9]{16,64}$", "token"),
            refused("", malformed("This is not a token, or a part of it is missing.")),
        ],
    }
}

fn signing_secret() -> CredentialField {
    let help = "The signing secret (whk_...) of the webhook that you made in the dashboard.";
    let step = "In the dashboard, open Settings → Webhooks, choose the webhook and copy its signing secret. Or leave the field empty.";
    let malformed = problem(
        "webhook-secret-malformed",
        "This is not a signing secret, or a part of it is missing.",
        step,
    );
    CredentialField {
        name: SIGNING_SECRET.to_owned(),
        label: "Signing secret".to_owned(),
        help: help.to_owned(),
        required: false,
        secret: true,
        role: CredentialRole::SigningSecret,
        rules: vec![accepted("^whk_[A-Za-z0-9]{16,64}$", "signing-secret"), refused("", malformed)],
    }
}

fn accepted(pattern: &str, kind: &str) -> CredentialRule {
    let accepted = AcceptedCredential { kind: kind.to_owned(), mode: None };
    CredentialRule { pattern: pattern.to_owned(), meaning: CredentialMeaning::Accepted(accepted) }
}

fn refused(pattern: &str, problem: Problem) -> CredentialRule {
    CredentialRule { pattern: pattern.to_owned(), meaning: CredentialMeaning::Refused(problem) }
}
