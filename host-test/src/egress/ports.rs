//! Ports other than that of HTTPS, which are unusual at a provider: behind one may be another service.

use url::Url;

use crate::contract::types::{Authorization, Manifest};

/// The ports other than 443 in a manifest's origins, token URLs and customers' pages, in order.
pub fn unusual_ports(manifest: &Manifest) -> Vec<u16> {
    let origins = manifest.origins.iter().map(|origin| origin.url.as_str());
    let tokens = manifest.origins.iter().filter_map(|origin| match &origin.authorization {
        Authorization::ClientCredentials(oauth) => Some(oauth.token_url.as_str()),
        _ => None,
    });
    let pages = manifest.customer_origins.iter().map(String::as_str);
    // A URL has no port if it is that of its scheme.
    let port = |url: &str| Url::parse(url).ok()?.port();
    let mut ports: Vec<u16> = origins.chain(tokens).chain(pages).filter_map(port).collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::types::{ClientAuthentication, Oauth, Origin};

    #[test]
    fn every_place_of_a_port_is_seen() {
        let tokens = |token_url: &str| {
            Authorization::ClientCredentials(Oauth {
                token_url: token_url.to_owned(),
                client_id: "id".to_owned(),
                client_secret: "secret".to_owned(),
                client_authentication: ClientAuthentication::Basic,
                scope: None,
            })
        };
        let none = || Authorization::None;
        let rows = [
            ("https://a.example", none(), "https://p.example", vec![]),
            ("https://a.example:8443", none(), "https://p.example", vec![8443]),
            ("https://a.example", tokens("https://b.example/x"), "https://p.example", vec![]),
            ("https://a.example", tokens("https://b.example:22/x"), "https://p.example", vec![22]),
            ("https://a.example", none(), "https://p.example:6379", vec![6379]),
            (
                "https://a.example:8443",
                tokens("https://b.example:22/x"),
                "https://p.example:8443",
                vec![22, 8443],
            ),
        ];
        for (url, authorization, page, expected) in rows {
            let origin = Origin { url: url.to_owned(), mode: None, authorization };
            let manifest = Manifest {
                origins: vec![origin],
                customer_origins: vec![page.to_owned()],
                ..Manifest::empty()
            };
            assert_eq!(unusual_ports(&manifest), expected, "{url} {page}");
        }
    }
}
