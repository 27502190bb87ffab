//! A key of the vault, and what it seals: XChaCha20-Poly1305.
//!
//! A sealed value is a version byte, a random nonce of 24 bytes, and the ciphertext with its tag. The
//! associated data is the name of the value's owner, so a value cannot be moved to another owner.

use std::sync::Arc;

use chacha20poly1305::aead::{Aead, Generate, Payload};
use chacha20poly1305::{Key, KeyInit, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac as _};
use secrecy::zeroize::{Zeroize as _, Zeroizing};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use super::VaultError;

const VERSION: u8 = 1;
const NONCE_LENGTH: usize = 24;
/// The length of a key, in bytes.
const LENGTH: usize = 32;

/// A key. It has one place in memory, from which it is erased in the end: it is made there, and only the pointer
/// to it moves.
pub struct SecretKey(Zeroizing<[u8; LENGTH]>);

impl SecretKey {
    /// Reads 64 hexadecimal digits, with white space around them. None: they are no key.
    pub(crate) fn parse(text: &[u8]) -> Option<Arc<Self>> {
        let mut key = Arc::new(Self(Zeroizing::new([0; LENGTH])));
        let bytes = Arc::get_mut(&mut key)?.0.as_mut_slice();
        let decoded = base16ct::mixed::decode(text.trim_ascii(), bytes).ok()?;
        (decoded.len() == LENGTH).then_some(key)
    }

    /// A new key.
    pub(crate) fn generate() -> Result<Arc<Self>, VaultError> {
        let mut key = Arc::new(Self(Zeroizing::new([0; LENGTH])));
        let mut random = Key::try_generate().map_err(|_| VaultError::NoRandomness)?;
        if let Some(key) = Arc::get_mut(&mut key) {
            key.0.copy_from_slice(&random);
        }
        random.as_mut_slice().zeroize();
        Ok(key)
    }

    /// The key as 64 hexadecimal digits.
    pub(crate) fn digits(&self) -> Zeroizing<[u8; 2 * LENGTH]> {
        let mut digits = Zeroizing::new([0; 2 * LENGTH]);
        // The length is right.
        let _ = base16ct::lower::encode(self.0.as_slice(), digits.as_mut_slice());
        digits
    }

    /// Whether both are the same. The time that it takes does not tell how much of them is.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.0.ct_eq(other.0.as_slice()).into()
    }

    /// Seals a value for an owner.
    ///
    /// # Errors
    ///
    /// The system gives no random numbers.
    pub fn seal(&self, owner: &str, value: &[u8]) -> Result<Vec<u8>, VaultError> {
        let nonce = XNonce::try_generate().map_err(|_| VaultError::NoRandomness)?;
        let payload = Payload { msg: value, aad: owner.as_bytes() };
        let ciphertext = self.cipher().encrypt(&nonce, payload);
        let ciphertext = ciphertext.map_err(|_| VaultError::DoesNotOpen)?;
        Ok([&[VERSION], nonce.as_slice(), &ciphertext].concat())
    }

    /// Opens a value that was sealed for an owner.
    ///
    /// # Errors
    ///
    /// It was sealed with another key or for another owner, or it was changed.
    pub fn open_sealed(
        &self,
        owner: &str,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let Some((&VERSION, rest)) = sealed.split_first() else {
            return Err(VaultError::DoesNotOpen);
        };
        let Some((nonce, ciphertext)) = rest.split_first_chunk::<NONCE_LENGTH>() else {
            return Err(VaultError::DoesNotOpen);
        };
        let payload = Payload { msg: ciphertext, aad: owner.as_bytes() };
        let opened = self.cipher().decrypt(&XNonce::from(*nonce), payload);
        opened.map(Zeroizing::new).map_err(|_| VaultError::DoesNotOpen)
    }

    /// A key for another purpose than sealing. The same purpose is always the same key; it does not tell this key, nor
    /// that of another purpose.
    #[must_use]
    pub fn derived(&self, purpose: &str) -> Zeroizing<[u8; LENGTH]> {
        // HMAC pads a key that is shorter than a block with zeros.
        let mut block = Zeroizing::new([0; 64]);
        for (byte, of_key) in block.iter_mut().zip(self.0.iter()) {
            *byte = *of_key;
        }
        let mut derived = Hmac::<Sha256>::new((&*block).into());
        derived.update(purpose.as_bytes());
        Zeroizing::new(derived.finalize().into_bytes().into())
    }

    /// The cipher for one value. It erases its copy of the key.
    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.0).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_value_opens_only_for_its_owner() {
        let key = SecretKey::generate().unwrap();
        let sealed = key.seal("a/key", b"sk_test_x").unwrap();
        assert!(!sealed.windows(9).any(|bytes| bytes == b"sk_test_x"));
        let again = SecretKey::parse(&*key.digits()).unwrap();
        assert_eq!(*again.open_sealed("a/key", &sealed).unwrap(), b"sk_test_x");
        assert!(key.open_sealed("b/key", &sealed).is_err());
        assert!(SecretKey::generate().unwrap().open_sealed("a/key", &sealed).is_err());
        for position in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[position] ^= 1;
            assert!(key.open_sealed("a/key", &changed).is_err(), "{position}");
            assert!(key.open_sealed("a/key", &sealed[..position]).is_err(), "{position}");
        }
    }

    #[test]
    fn derived_key_is_of_its_purpose_and_key() {
        let (key, other) = (SecretKey::generate().unwrap(), SecretKey::generate().unwrap());
        let again = SecretKey::parse(&*key.digits()).unwrap();
        assert_eq!(key.derived("a"), again.derived("a"));
        assert_ne!(key.derived("a"), key.derived("b"));
        assert_ne!(key.derived("a"), other.derived("a"));
        assert_ne!(*key.derived("a"), *key.0);
    }

    #[test]
    fn only_64_digits_are_a_key() {
        let digits = "0123456789abcdefABCDEF0123456789".repeat(2);
        let rows: [(&str, bool); 6] = [
            (&digits, true),
            (&format!(" {digits}\r\n"), true),
            (&digits[1..], false),
            (&format!("{digits}00"), false),
            (&digits.replace('0', "g"), false),
            ("", false),
        ];
        for (text, is_key) in rows {
            assert_eq!(SecretKey::parse(text.as_bytes()).is_some(), is_key, "{text}");
        }
    }
}
