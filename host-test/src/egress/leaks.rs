//! Masking credentials in responses, before the plugin reads them.
//!
//! Searched forms of a credential: plain, URL-encoded, in JSON with `\/`, and in both alphabets of Base64, as
//! Basic authorization sends it. Source: the contract.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use memchr::memmem;
use secrecy::zeroize::Zeroizing;

/// Shorter values, in bytes, are not searched for: they would match ordinary words. Our own choice.
pub(super) const MINIMUM_SECRET: usize = 8;

/// The texts to mask.
#[derive(Default)]
pub(super) struct Leaks(Vec<Zeroizing<Vec<u8>>>);

impl Leaks {
    /// Adds a secret in each of its forms.
    pub fn add(&mut self, secret: &str) {
        if secret.len() < MINIMUM_SECRET {
            return;
        }
        let in_url: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        for form in [
            secret.to_owned(),
            in_url.to_lowercase(),
            in_url,
            secret.replace('/', "\\/"),
            // Without the padding, which is optional.
            BASE64_STANDARD_NO_PAD.encode(secret),
            BASE64_URL_SAFE_NO_PAD.encode(secret),
        ] {
            let form = Zeroizing::new(form.into_bytes());
            if !self.0.contains(&form) {
                self.0.push(form);
            }
        }
    }

    /// Replaces every occurrence by `*`. The length stays the same.
    pub fn mask(&self, bytes: &mut [u8]) {
        for secret in &self.0 {
            let found: Vec<usize> = memmem::find_iter(bytes, secret.as_slice()).collect();
            for start in found {
                if let Some(occurrence) = bytes.get_mut(start..start + secret.len()) {
                    occurrence.fill(b'*');
                }
            }
        }
    }

    /// Masks a text.
    pub fn mask_text(&self, text: String) -> String {
        let mut bytes = text.into_bytes();
        self.mask(&mut bytes);
        // Whole characters were replaced by ASCII, so the text is still UTF-8.
        String::from_utf8(bytes).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_credential_is_masked_in_every_form() {
        let mut leaks = Leaks::default();
        leaks.add("sk_test_a/b+c==d");
        leaks.add("short");
        let rows = [
            ("{\"key\":\"sk_test_a/b+c==d\"}", "{\"key\":\"****************\"}"),
            ("?key=sk_test_a%2Fb%2Bc%3D%3Dd&", "?key=************************&"),
            ("c2tfdGVzdF9hL2IrYz09ZA==", "**********************=="),
            ("c2tfdGVzdF9hL2IrYz09ZA", "**********************"),
            (r"sk_test_a\/b+c==d", "*****************"),
            ("?key=sk_test_a%2fb%2bc%3d%3dd", "?key=************************"),
            ("sk_test_a/b+c==dsk_test_a/b+c==d", "********************************"),
            ("sk_test_a/b+c==", "sk_test_a/b+c=="),
            ("short", "short"),
        ];
        for (answer, expected) in rows {
            assert_eq!(leaks.mask_text(answer.to_owned()), expected);
        }
    }
}
