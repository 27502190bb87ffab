//! The URLs at which the marketplace takes deliveries: built for the provider, parsed from a request.

use crate::contract::types::{UrlsByMode, WebhookUrls};

/// The base URLs in each mode, from the merchant's guide.
const TEST_BASE: &str = "https://chat-payments.jelou.dev/link-webhook";
const LIVE_BASE: &str = "https://chat-payments.jelou.ai/link-webhook";

const PROVIDER: &str = "provider";
const INSTALLATION: &str = "installation";

/// The URLs for an installation's deliveries: its own, and those that all merchants share.
#[must_use]
pub fn webhook_urls(provider_id: &str, installation: &str) -> WebhookUrls {
    let shared = |base| format!("{base}?{PROVIDER}={provider_id}");
    let own = |base| format!("{}&{INSTALLATION}={installation}", shared(base));
    WebhookUrls {
        installation: UrlsByMode { test: own(TEST_BASE), live: own(LIVE_BASE) },
        shared: UrlsByMode { test: shared(TEST_BASE), live: shared(LIVE_BASE) },
    }
}

/// What the query of a delivery's URL names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryTarget {
    /// The provider's id.
    pub provider: Option<String>,
    /// The installation's id. None: the URL is the one that all merchants share.
    pub installation: Option<String>,
}

impl DeliveryTarget {
    /// Parses the query of a delivery's URL. Of a parameter that is given twice, the first counts.
    #[must_use]
    pub fn parse(query: &str) -> Self {
        let value = |wanted: &str| {
            url::form_urlencoded::parse(query.as_bytes())
                .find(|(name, _)| name == wanted)
                .map(|(_, value)| value.into_owned())
        };
        Self { provider: value(PROVIDER), installation: value(INSTALLATION) }
    }
}
