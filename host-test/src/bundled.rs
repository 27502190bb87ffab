//! The built-in component: the binary works without a component file.

/// The bytes of the component.
pub const COMPONENT: &[u8] = include_bytes!(env!("BUNDLED_COMPONENT"));
