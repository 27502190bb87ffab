//! The secrets of an installation, and the forms in which they are searched for.
//!
//! In the clear, reversed, in hexadecimal, URL-encoded, in JSON with `\/`, and in both alphabets of Base64 at its
//! three offsets: where a secret stands in a longer text that is encoded, its own letters depend on how many
//! bytes stand before it.

use base64::Engine as _;
use base64::engine::GeneralPurpose;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use memchr::memmem;
use secrecy::zeroize::Zeroizing;

/// How many bytes stand before a secret in its group of three at most.
const MOST_BEFORE: usize = 2;

/// Texts that must not pass, each in every form.
#[derive(Default)]
pub struct Secrets {
    /// The longest first: a shorter form may be a part of a longer one.
    forms: Vec<Zeroizing<Vec<u8>>>,
    /// In hexadecimal, in lower case. In a text both cases may be mixed.
    hexadecimal: Vec<Zeroizing<Vec<u8>>>,
}

impl Secrets {
    /// Adds a secret, if it has at least `shortest` bytes: a shorter one would match ordinary words.
    pub fn add(&mut self, secret: &str, shortest: usize) {
        if secret.len() < shortest {
            return;
        }
        let hexadecimal = base16ct::lower::encode_string(secret.as_bytes());
        // A signing secret may be a credential as well.
        if self.hexadecimal.iter().any(|known| known.as_slice() == hexadecimal.as_bytes()) {
            return;
        }
        for form in forms(secret, &hexadecimal) {
            if !self.forms.contains(&form) {
                self.forms.push(form);
            }
        }
        self.hexadecimal.push(Zeroizing::new(hexadecimal.into_bytes()));
        self.forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
    }

    /// Whether one of them is in a text.
    #[must_use]
    pub fn are_in(&self, text: &[u8]) -> bool {
        if self.forms.is_empty() {
            return false;
        }
        let is_in = |text: &[u8]| {
            any_is_in(&self.forms, text)
                || any_is_in(&self.hexadecimal, &Zeroizing::new(text.to_ascii_lowercase()))
        };
        // Letters that need no encoding may be encoded all the same.
        is_in(text) || text.contains(&b'%') && is_in(&Zeroizing::new(url_decoded(text)))
    }

    /// Replaces every occurrence by `*`. The length stays the same.
    pub fn mask(&self, bytes: &mut [u8]) {
        for form in &self.forms {
            let found: Vec<usize> = memmem::find_iter(bytes, form.as_slice()).collect();
            for start in found {
                if let Some(occurrence) = bytes.get_mut(start..start + form.len()) {
                    occurrence.fill(b'*');
                }
            }
        }
    }

    /// Masks a text.
    #[must_use]
    pub fn mask_text(&self, text: String) -> String {
        let mut bytes = text.into_bytes();
        self.mask(&mut bytes);
        // Whole characters were replaced by ASCII, so the text is still UTF-8.
        String::from_utf8(bytes).unwrap_or_default()
    }
}

/// Whether one of several forms is in a text. The text is read once: to search for each form alone takes longer to
/// prepare than to do.
fn any_is_in(forms: &[Zeroizing<Vec<u8>>], text: &[u8]) -> bool {
    let beginnings = Beginnings::of(forms);
    let mut rest = text;
    while let Some(pair) = rest.first_chunk() {
        if beginnings.hold(*pair) && forms.iter().any(|form| rest.starts_with(form)) {
            return true;
        }
        rest = rest.get(1..).unwrap_or_default();
    }
    false
}

/// The first two bytes of each form, as bits. Every form has more: a shorter secret is searched for nowhere.
struct Beginnings([u64; 1 << 10]);

impl Beginnings {
    fn of(forms: &[Zeroizing<Vec<u8>>]) -> Self {
        let mut all = Self([0; 1 << 10]);
        for pair in forms.iter().filter_map(|form| form.first_chunk()) {
            let (word, bit) = Self::place(*pair);
            if let Some(word) = all.0.get_mut(word) {
                *word |= bit;
            }
        }
        all
    }

    fn hold(&self, pair: [u8; 2]) -> bool {
        let (word, bit) = Self::place(pair);
        self.0.get(word).is_some_and(|word| word & bit != 0)
    }

    fn place(pair: [u8; 2]) -> (usize, u64) {
        let number = u16::from_be_bytes(pair);
        (usize::from(number >> 6), 1 << (number & 63))
    }
}

/// The forms of a secret, whose hexadecimal form is known.
fn forms(secret: &str, hexadecimal: &str) -> Vec<Zeroizing<Vec<u8>>> {
    let bytes = secret.as_bytes();
    let mut forms = vec![
        bytes.to_vec(),
        bytes.iter().rev().copied().collect(),
        hexadecimal.to_uppercase().into_bytes(),
        hexadecimal.to_owned().into_bytes(),
    ];
    let in_url: String = url::form_urlencoded::byte_serialize(bytes).collect();
    let in_url = Zeroizing::new(in_url.into_bytes());
    if in_url.as_slice() != bytes {
        forms.extend([lower_case_codes(&in_url), in_url.to_vec()]);
    }
    if secret.contains('/') {
        forms.push(secret.replace('/', "\\/").into_bytes());
    }
    let padded = Zeroizing::new([&[0; MOST_BEFORE], bytes].concat());
    for alphabet in [BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD] {
        // With its last letter, as it stands at the end of a text.
        forms.push(alphabet.encode(bytes).into_bytes());
        let within = |offset| base64_within(&alphabet, &padded, offset);
        forms.extend((0..=MOST_BEFORE).map(within));
    }
    forms.into_iter().map(Zeroizing::new).collect()
}

/// A URL-encoded text whose codes are in lower case, as in `%2f`, and nothing else.
fn lower_case_codes(in_url: &[u8]) -> Vec<u8> {
    let mut text = in_url.to_vec();
    for part in text.split_mut(|byte| *byte == b'%').skip(1) {
        if let Some(code) = part.first_chunk_mut::<2>() {
            code.make_ascii_lowercase();
        }
    }
    text
}

/// The letters of Base64 that depend on the secret alone, where `offset` bytes stand before it in its group of
/// three. `padded` is the secret after `MOST_BEFORE` other bytes.
fn base64_within(alphabet: &GeneralPurpose, padded: &[u8], offset: usize) -> Vec<u8> {
    let padded = padded.get(MOST_BEFORE - offset..).unwrap_or_default();
    let mut letters = alphabet.encode(padded).into_bytes();
    // The last letter holds bits of what comes after it.
    if !padded.len().is_multiple_of(3) {
        letters.pop();
    }
    // These letters hold bits of what stands before it.
    let mixed = if offset == 0 { 0 } else { offset + 1 };
    letters.drain(..mixed.min(letters.len()));
    letters
}

fn url_decoded(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        let pair = after.split_first_chunk::<2>().filter(|_| byte == b'%');
        let code = pair.and_then(|(digits, _)| {
            let mut code = [0];
            base16ct::mixed::decode(digits, &mut code).ok().map(<[u8]>::to_vec)
        });
        if let (Some([code]), Some((_, after))) = (code.as_deref(), pair) {
            decoded.push(*code);
            rest = after;
        } else {
            decoded.push(byte);
            rest = after;
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(secret: &str) -> Secrets {
        let mut secrets = Secrets::default();
        secrets.add(secret, 8);
        secrets
    }

    #[test]
    fn repeated_credential_is_masked_in_every_form() {
        let mut secrets = of("sk_test_a/b+c==d");
        secrets.add("short", 8);
        let rows = [
            ("{\"key\":\"sk_test_a/b+c==d\"}", "{\"key\":\"****************\"}"),
            ("?key=sk_test_a%2Fb%2Bc%3D%3Dd&", "?key=************************&"),
            ("c2tfdGVzdF9hL2IrYz09ZA==", "**********************=="),
            ("c2tfdGVzdF9hL2IrYz09ZA", "**********************"),
            (r"sk_test_a\/b+c==d", "*****************"),
            ("?key=sk_test_a%2fb%2bc%3d%3dd", "?key=************************"),
            ("?key=SK_TEST_A%2fb%2bc%3d%3dd", "?key=SK_TEST_A%2fb%2bc%3d%3dd"),
            ("sk_test_a/b+c==dsk_test_a/b+c==d", "********************************"),
            ("sk_test_a/b+c==", "sk_test_a/b+c=="),
            ("short", "short"),
        ];
        for (answer, expected) in rows {
            assert_eq!(secrets.mask_text(answer.to_owned()), expected);
        }
    }

    fn mixed_case(text: &str) -> String {
        let change = |(index, letter): (usize, char)| {
            if index % 3 == 0 { letter.to_ascii_uppercase() } else { letter }
        };
        text.chars().enumerate().map(change).collect()
    }

    proptest! {
        /// Wherever a secret stands in a text, and however that text is encoded as a whole, it is found; and a
        /// secret that is not there is not.
        #[test]
        fn secret_is_found_in_every_encoding(
            secret in "[A-Za-z0-9_+/=-]{12,60}",
            before in ".{0,7}",
            after in ".{0,7}",
        ) {
            let text = format!("{before}{secret}{after}");
            let every_letter = text.bytes().fold(String::new(), |all, byte| format!("{all}%{byte:02X}"));
            for encoded in [
                text.clone(),
                text.chars().rev().collect(),
                base16ct::lower::encode_string(text.as_bytes()),
                base16ct::upper::encode_string(text.as_bytes()),
                mixed_case(&base16ct::lower::encode_string(text.as_bytes())),
                BASE64_STANDARD_NO_PAD.encode(&text),
                base64::prelude::BASE64_STANDARD.encode(&text),
                BASE64_URL_SAFE_NO_PAD.encode(&text),
                url::form_urlencoded::byte_serialize(text.as_bytes()).collect(),
                every_letter,
            ] {
                prop_assert!(of(&secret).are_in(encoded.as_bytes()), "{}", encoded);
                prop_assert!(!of("anotherSecretThatIsNotThere").are_in(encoded.as_bytes()));
            }
        }

        #[test]
        fn any_text_can_be_decoded(text in proptest::collection::vec(any::<u8>(), 0..40)) {
            prop_assert!(url_decoded(&text).len() <= text.len());
        }
    }
}
