//! Request parameters, form-encoded with Stripe's bracket notation.

/// The parameters of a request, encoded.
#[derive(Debug, Default)]
pub struct Params(String);

impl Params {
    /// No parameters.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a parameter, such as `line_items[0][quantity]` and `1`.
    pub fn add(&mut self, name: &str, value: &str) {
        let encoded = std::mem::take(&mut self.0);
        self.0 = form_urlencoded::Serializer::new(encoded).append_pair(name, value).finish();
    }

    /// Adds a parameter and returns all of them.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.add(name, value);
        self
    }

    /// Whether there are no parameters.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The encoded parameters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_separated_and_escaped() {
        let params = Params::new().with("a[b]", "1 & 2").with("c", "é=");
        assert_eq!(params.as_str(), "a%5Bb%5D=1+%26+2&c=%C3%A9%3D");
    }
}
