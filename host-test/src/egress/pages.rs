//! The origins of the pages on which customers pay.

use std::sync::Arc;

use url::{Origin, Url};

use super::origin::{OriginOverride, PolicyError, parse_exact};
use crate::foreign::AnswerError;

/// The origins to which a customer may be sent. An empty list allows none.
#[derive(Clone, Debug, Default)]
pub struct PageOrigins(Arc<[Origin]>);

impl PageOrigins {
    /// The origins of a manifest, and every loopback address that stands in for one of the provider's.
    ///
    /// # Errors
    ///
    /// A text is not the exact form of an `https` origin.
    pub(super) fn new(
        origins: &[String],
        overrides: &[OriginOverride],
    ) -> Result<Self, PolicyError> {
        let declared = origins.iter().map(|origin| Ok(parse_exact(origin)?.origin()));
        let stand_ins = overrides.iter().map(|replaced| Ok(replaced.to.origin()));
        Ok(Self(declared.chain(stand_ins).collect::<Result<_, _>>()?))
    }

    /// With origins that were approved for an installation.
    #[must_use]
    pub fn with(self, approved: &[String]) -> Self {
        if approved.is_empty() {
            return self;
        }
        let approved = approved.iter().filter_map(|origin| parse_exact(origin).ok());
        Self(self.0.iter().cloned().chain(approved.map(|url| url.origin())).collect())
    }

    /// Whether an origin is among them.
    pub(super) fn has(&self, origin: &Origin) -> bool {
        self.0.contains(origin)
    }

    /// Refuses a URL to which no customer may be sent.
    ///
    /// # Errors
    ///
    /// It is not a URL of one of the origins.
    pub fn check(&self, url: &str) -> Result<(), AnswerError> {
        const FIELD: &str = "customer's link";
        let malformed = || AnswerError::Malformed(FIELD);
        let url = Url::parse(url).map_err(|_| malformed())?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(malformed());
        }
        let origin = url.origin();
        if self.0.contains(&origin) {
            return Ok(());
        }
        if url.scheme() != "https" {
            return Err(malformed());
        }
        // Only an origin that could be approved is named: it stands in a command for a person.
        let origin = origin.ascii_serialization();
        parse_exact(&origin).map_err(|_| malformed())?;
        Err(AnswerError::PageNotApproved(origin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn customer_is_sent_to_approved_origins_only() {
        let stand_in = ["https://api.example.com=http://127.0.0.1:12111".parse().unwrap()];
        let declared = ["https://checkout.example.com".to_owned()];
        let pages = PageOrigins::new(&declared, &stand_in).unwrap();
        let not_approved = |origin: &str| Err(AnswerError::PageNotApproved(origin.to_owned()));
        let malformed = || Err(AnswerError::Malformed("customer's link"));
        for (url, expected) in [
            ("https://checkout.example.com/c/pay/cs_1#x", Ok(())),
            ("https://CHECKOUT.example.com:443/", Ok(())),
            ("http://127.0.0.1:12111/c/pay/cs_1", Ok(())),
            ("http://127.0.0.1:12112/c/pay/cs_1", malformed()),
            ("http://checkout.example.com/", malformed()),
            ("https://checkout.example.com@evil.example/", malformed()),
            ("https://checkout.example.com:444/", not_approved("https://checkout.example.com:444")),
            (
                "https://checkout.example.com.evil.example/",
                not_approved("https://checkout.example.com.evil.example"),
            ),
            ("javascript:alert(1)//https://checkout.example.com", malformed()),
            ("data:text/html,x", malformed()),
            ("https://a;{sh,x}/", malformed()),
            ("/c/pay", malformed()),
            ("", malformed()),
        ] {
            assert_eq!(pages.check(url), expected, "{url}");
        }
        let own = pages.with(&["https://pay.shop.example".to_owned(), "nonsense".to_owned()]);
        assert_eq!(own.check("https://pay.shop.example/x"), Ok(()));
        assert_eq!(own.check("https://checkout.example.com/x"), Ok(()));
        assert!(PageOrigins::default().check("https://checkout.example.com/").is_err());
    }
}
