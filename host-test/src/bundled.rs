//! The built-in component: the binary works without a component file.

/// The bytes of the component.
pub const COMPONENT: &[u8] = include_bytes!(env!("BUNDLED_COMPONENT"));

/// The provider's id and the names of its credential fields, without a call of the component.
#[must_use]
pub fn credential_fields() -> (String, Vec<String>) {
    let manifest = bundled_provider::manifest();
    (manifest.provider_id, manifest.credentials.into_iter().map(|field| field.name).collect())
}
