//! The manifest: what a host has to know before it runs this provider.

use crate::bindings::brain_studio::payments::types::{
    Allotment, Authorization, Manifest, ModeSource, Origin, Permission, RepeatRules,
};
use crate::credentials::{API_KEY, fields};
use crate::event_types::WEBHOOK_EVENTS;
use crate::permissions::PERMISSIONS;
use crate::webhook::SIGNATURE_HEADER;

/// Requests per second that Stripe allows to a sandbox, the lowest limit of any account. Source: Stripe's
/// documentation, "Rate limits".
const REQUESTS_PER_SECOND: u32 = 25;
/// Reads in 30 days that Stripe allows to every account. Source: Stripe's documentation, "Rate limits",
/// "Read allocation".
const READS_PER_MONTH: u32 = 10_000;
/// The statuses after which Stripe's SDKs repeat a request, unless `stripe-should-retry` says otherwise.
const REPEATABLE_STATUSES: [u16; 7] = [409, 424, 429, 500, 502, 503, 504];

/// The manifest.
#[must_use]
pub fn manifest() -> Manifest {
    Manifest {
        provider_id: "STRIPE".to_owned(),
        name: "Stripe".to_owned(),
        category: "payments".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        credentials: fields(),
        mode_source: ModeSource::Credential,
        events: WEBHOOK_EVENTS.iter().map(|&event| event.to_owned()).collect(),
        origins: vec![Origin {
            url: crate::stripe::ORIGIN.to_owned(),
            mode: None,
            authorization: Authorization::Bearer(API_KEY.to_owned()),
        }],
        // Checkout, and the page of a voucher.
        customer_origins: vec![
            "https://checkout.stripe.com".to_owned(),
            "https://payments.stripe.com".to_owned(),
        ],
        signature_headers: vec![SIGNATURE_HEADER.to_owned()],
        permissions: PERMISSIONS
            .iter()
            .map(|permission| Permission {
                id: permission.id.to_owned(),
                purpose: permission.purpose.to_owned(),
            })
            .collect(),
        repeat: RepeatRules {
            header: Some("stripe-should-retry".to_owned()),
            statuses: REPEATABLE_STATUSES.to_vec(),
        },
        allotment: Allotment {
            per_second: Some(REQUESTS_PER_SECOND),
            per_month: Some(READS_PER_MONTH),
        },
        extras: vec![("api-version".to_owned(), crate::stripe::API_VERSION.to_owned())],
    }
}
