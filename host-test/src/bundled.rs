//! The component that is built in, so that the binary works alone.

/// The component's bytes.
pub const COMPONENT: &[u8] = include_bytes!(env!("BUNDLED_COMPONENT"));
