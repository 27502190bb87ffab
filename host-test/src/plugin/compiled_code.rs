//! Machine code of a component, and why it may be run. The only `unsafe` of this crate is here.
//!
//! wasmtime runs machine code as it is: whoever chooses its bytes has this process. So they come from one of two
//! places only: from the compiler, which ran in a child of this process, or from a file with a code of
//! authentication, whose key is derived from the vault's. The very bytes that were checked are then run; a file is
//! never mapped, because it could change later.

use std::hash::{Hash as _, Hasher};

use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::zeroize::Zeroizing;
use sha2::{Digest as _, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

/// The largest machine code of a component, in bytes. Our own choice: it is two to three times as large as its
/// component, of which 32 MiB are read, and there is room for one that is unusual.
pub const MAXIMUM_CODE: usize = 128 << 20;
/// How long a code of authentication is, in bytes.
pub const TAG: usize = 32;

/// What is authenticated, and how it is written. Another form of the file has another label.
const LABEL: &[u8] = b"host-test compiled component 1\n";

/// The key of the codes of authentication.
pub type AuthenticationKey = Zeroizing<[u8; 32]>;

/// Which component was compiled, and by which compiler.
#[derive(Clone, Copy)]
pub struct Origin {
    /// The SHA-256 of the component.
    pub component: [u8; 32],
    /// The SHA-256 of all that decides whether an engine can run the code: wasmtime's version, the processor's
    /// features, and the configuration.
    pub engine: [u8; 32],
}

impl Origin {
    pub fn new(engine: &Engine, component: &[u8]) -> Self {
        let mut hasher = Sha256Hasher(Sha256::new());
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Self { component: Sha256::digest(component).into(), engine: hasher.0.finalize().into() }
    }
}

/// Machine code that may be run.
pub struct CompiledCode<'a>(&'a [u8]);

impl<'a> CompiledCode<'a> {
    /// What the compiler of a child process has written.
    pub fn of_child(code: &'a [u8]) -> Self {
        Self(code)
    }

    /// What was stored with its code of authentication in front of it. None: it was not stored with this key for
    /// this component and this engine, or it was changed.
    pub fn authenticated(
        stored: &'a [u8],
        key: &AuthenticationKey,
        origin: Origin,
    ) -> Option<Self> {
        let (tag, code) = stored.split_first_chunk::<TAG>()?;
        authenticator(key, origin, code).verify_slice(tag).ok()?;
        Some(Self(code))
    }

    /// Its code of authentication.
    pub fn tag(&self, key: &AuthenticationKey, origin: Origin) -> [u8; TAG] {
        authenticator(key, origin, self.0).finalize().into_bytes().into()
    }

    /// The machine code.
    pub fn bytes(&self) -> &[u8] {
        self.0
    }

    /// The component, ready to be linked.
    #[allow(unsafe_code)]
    pub fn load(&self, engine: &Engine) -> wasmtime::Result<Component> {
        // SAFETY: the bytes have to be the output of wasmtime's compiler. A `CompiledCode` is made of such only:
        // see its two constructors. They are borrowed, so they are still those that were checked, and wasmtime
        // copies them. It checks itself that they are for this engine.
        unsafe { Component::deserialize(engine, self.0) }
    }
}

fn authenticator(key: &AuthenticationKey, origin: Origin, code: &[u8]) -> Hmac<Sha256> {
    // HMAC pads a key that is shorter than a block with zeros.
    let mut block = Zeroizing::new([0; 64]);
    for (byte, of_key) in block.iter_mut().zip(key.iter()) {
        *byte = *of_key;
    }
    let mut mac = Hmac::<Sha256>::new(&(*block).into());
    // The label and the hashes have fixed lengths, so nothing can move from one part to another.
    mac.update(LABEL);
    mac.update(&origin.component);
    mac.update(&origin.engine);
    mac.update(code);
    mac
}

/// SHA-256 as the hasher of Rust's `Hash`: 64 bits could collide by chance.
struct Sha256Hasher(Sha256);

impl Hasher for Sha256Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest: [u8; 32] = self.0.clone().finalize().into();
        digest.first_chunk().map_or(0, |first| u64::from_le_bytes(*first))
    }
}
