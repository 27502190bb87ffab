//! The signature of a delivery.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// The value of the header `stripe-signature` of a delivery at a time, in Unix seconds. In test mode it
/// also has the fake scheme `v0`, as Stripe's has.
#[must_use]
pub fn signature(secret: &str, livemode: bool, body: &[u8], time: u64) -> String {
    let sign = |key: &[u8]| {
        Hmac::<Sha256>::new_from_slice(key).map_or_else(
            |_| String::new(),
            |mac| {
                let signed = mac.chain_update(format!("{time}.")).chain_update(body);
                base16ct::lower::encode_string(&signed.finalize().into_bytes())
            },
        )
    };
    let mut header = format!("t={time},v1={}", sign(secret.as_bytes()));
    if !livemode {
        header.push_str(",v0=");
        header.push_str(&sign(b"not a secret"));
    }
    header
}
