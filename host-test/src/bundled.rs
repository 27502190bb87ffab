//! The component that is built in, so that the binary works alone.

/// The bytes of the component.
pub const COMPONENT: &[u8] = include_bytes!(env!("BUNDLED_COMPONENT"));
