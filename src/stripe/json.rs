//! Reading Stripe's JSON objects. Of two equal names the last one counts, as in Stripe's SDKs.

pub use serde_json::Value as Json;

/// Typed access to the fields of an object. A field that is missing, null or of another type is none.
pub trait Fields {
    /// A field that is not null.
    fn value(&self, name: &str) -> Option<&Json>;

    /// A field, or null.
    fn field(&self, name: &str) -> &Json {
        self.value(name).unwrap_or(&Json::Null)
    }

    /// A string field.
    fn str(&self, name: &str) -> Option<&str> {
        self.value(name)?.as_str()
    }

    /// A string field, copied.
    fn string(&self, name: &str) -> Option<String> {
        self.str(name).map(str::to_owned)
    }

    /// A field that is a non-negative integer.
    fn number(&self, name: &str) -> Option<u64> {
        self.value(name)?.as_u64()
    }

    /// A boolean field.
    fn flag(&self, name: &str) -> Option<bool> {
        self.value(name)?.as_bool()
    }

    /// An array field.
    fn list(&self, name: &str) -> Option<&[Json]> {
        self.value(name)?.as_array().map(Vec::as_slice)
    }

    /// The strings in an array field. Empty: there is no such field.
    fn strings(&self, name: &str) -> Vec<String> {
        let list = self.list(name).unwrap_or_default();
        list.iter().filter_map(|json| json.as_str().map(str::to_owned)).collect()
    }
}

impl Fields for Json {
    fn value(&self, name: &str) -> Option<&Json> {
        self.get(name).filter(|value| !value.is_null())
    }
}

/// An object of Stripe's API.
pub trait FromJson: Sized {
    /// Reads the object. None: a required field is missing.
    fn from_json(json: &Json) -> Option<Self>;
}

/// A page of a list.
pub struct List<T> {
    /// The objects of this page.
    pub data: Vec<T>,
    /// Whether another page follows.
    pub has_more: bool,
}

impl<T: FromJson> FromJson for List<T> {
    fn from_json(json: &Json) -> Option<Self> {
        Some(Self {
            data: json.list("data")?.iter().map(T::from_json).collect::<Option<_>>()?,
            has_more: json.flag("has_more").unwrap_or(false),
        })
    }
}

/// Parses a document. None: it is not JSON.
pub fn parse(text: &[u8]) -> Option<Json> {
    serde_json::from_slice(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_of_two_equal_names_counts() {
        let text = br#"{"a":1,"a":2,"c":[1,-2,3.5,99999999999999999999],"d":null}"#;
        let json = parse(text).unwrap();
        assert_eq!(json.number("a"), Some(2));
        let [one, rest @ ..] = json.list("c").unwrap() else { panic!() };
        assert_eq!(one.as_u64(), Some(1));
        assert!(rest.iter().all(|number| number.as_u64().is_none()));
        assert_eq!(json.value("d"), None);
    }
}
