//! What a test can change about every answer of the API.

/// The settings. At first nothing is unusual.
#[derive(Clone, Copy, Default)]
pub struct Settings {
    /// The permission that every restricted key has lost, as a word after `Without`.
    pub lost_permission: Option<&'static str>,
    /// How many bytes of padding every listed event has.
    pub event_padding: usize,
}
