//! A new project for a plugin: the files of the example, with other names.
//!
//! The example is the one source: what is tested there is what a developer starts with.

mod own_texts;

use thiserror::Error;

use crate::contract::types::Problem;

/// The longest name: it becomes the provider's id. Source: the contract.
const LONGEST_NAME: usize = 32;

/// The files: where they go in the project, and their contents in the example.
const FILES: [(&str, &str); 31] = [
    (".gitignore", "/target\n/data\n*.wasm\n"),
    ("Cargo.lock", include_str!("../../Cargo.lock")),
    ("Cargo.toml", include_str!("../examples/andes-pay/Cargo.toml")),
    ("README.md", include_str!("../examples/andes-pay/README.md")),
    ("clippy.toml", include_str!("../../clippy.toml")),
    ("fake/Cargo.toml", include_str!("../examples/andes-pay/fake/Cargo.toml")),
    ("fake/clippy.toml", include_str!("../clippy.toml")),
    ("fake/src/amount.rs", include_str!("../examples/andes-pay/fake/src/amount.rs")),
    ("fake/src/api.rs", include_str!("../examples/andes-pay/fake/src/api.rs")),
    ("fake/src/dashboard.rs", include_str!("../examples/andes-pay/fake/src/dashboard.rs")),
    ("fake/src/deliveries.rs", include_str!("../examples/andes-pay/fake/src/deliveries.rs")),
    ("fake/src/lib.rs", include_str!("../examples/andes-pay/fake/src/lib.rs")),
    ("fake/src/main.rs", include_str!("../examples/andes-pay/fake/src/main.rs")),
    ("fake/src/page.rs", include_str!("../examples/andes-pay/fake/src/page.rs")),
    ("fake/src/state.rs", include_str!("../examples/andes-pay/fake/src/state.rs")),
    ("rustfmt.toml", include_str!("../../rustfmt.toml")),
    ("scenario.json", include_str!("../examples/andes-pay/scenario.json")),
    ("src/amount.rs", include_str!("../examples/andes-pay/src/amount.rs")),
    ("src/api.rs", include_str!("../examples/andes-pay/src/api.rs")),
    ("src/bindings.rs", include_str!("../examples/andes-pay/src/bindings.rs")),
    ("src/connection.rs", include_str!("../examples/andes-pay/src/connection.rs")),
    ("src/events.rs", include_str!("../examples/andes-pay/src/events.rs")),
    ("src/lib.rs", include_str!("../examples/andes-pay/src/lib.rs")),
    ("src/manifest.rs", include_str!("../examples/andes-pay/src/manifest.rs")),
    ("src/payments.rs", include_str!("../examples/andes-pay/src/payments.rs")),
    ("src/refunds.rs", include_str!("../examples/andes-pay/src/refunds.rs")),
    ("src/webhook.rs", include_str!("../examples/andes-pay/src/webhook.rs")),
    ("wit/http.wit", include_str!("../../wit/http.wit")),
    ("wit/payment-provider.wit", include_str!("../../wit/payment-provider.wit")),
    ("wit/types.wit", include_str!("../../wit/types.wit")),
    ("wit/world.wit", include_str!("../../wit/world.wit")),
];

/// Where the versions and lints are that the example's crates share.
const WORKSPACE: &str = include_str!("../../Cargo.toml");

/// The example's names. In Rust's identifiers, in URLs, in headers and on screens each has another form.
const NAMES: [&str; 8] =
    ["AndesPay", "Andes Pay", "andes-pay", "andes_pay", "andespay", "ANDES", "andes-", "andes_"];

/// Rust's words, and its own crates. Source: the Rust reference, "Keywords".
const RESERVED: [&str; 44] = [
    "abstract", "alloc", "as", "async", "await", "become", "box", "break", "const", "continue",
    "core", "crate", "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen",
    "if", "impl", "in", "let", "loop", "macro", "match", "mod", "move", "mut", "pub", "return",
    "self", "static", "std", "struct", "super", "test", "trait", "true", "try", "type",
];

/// Why a project cannot have a name.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum NameError {
    /// It has the wrong form.
    #[error("'{0}' is not the name of a project")]
    Malformed(String),
    /// Something else has it.
    #[error("Rust, or a library that the project uses, has the name '{0}'")]
    Taken(String),
}

impl NameError {
    /// The problem for a plugin developer.
    #[must_use]
    pub fn problem(&self) -> Problem {
        let code = match self {
            Self::Malformed(_) => "name-malformed",
            Self::Taken(_) => "name-taken",
        };
        Problem::new(
            code,
            format!("{self}."),
            &[
                "Give the provider's name in lower-case words with hyphens, at most 32 characters: `host-test new lama-pay`.",
            ],
        )
    }
}

/// The name of a project, such as `lama-pay`.
#[derive(Clone, Debug)]
pub struct ProjectName(String);

impl ProjectName {
    /// Reads a name: lower-case words of letters and digits with hyphens between them, a letter first.
    ///
    /// # Errors
    ///
    /// It has another form, or something else has it.
    pub fn parse(name: &str) -> Result<Self, NameError> {
        let is_word = |word: &str| {
            !word.is_empty() && word.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        };
        let is_name = name.len() <= LONGEST_NAME
            && name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.split('-').all(is_word);
        if !is_name {
            return Err(NameError::Malformed(name.to_owned()));
        }
        let (_, lock) = FILES[1];
        let is_library = lock.contains(&format!("name = \"{name}\"\n")) && name != "andes-pay";
        if is_library || RESERVED.contains(&name) {
            return Err(NameError::Taken(name.to_owned()));
        }
        Ok(Self(name.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of its crate in Rust, and of its module: `lama_pay`.
    #[must_use]
    pub fn snake_case(&self) -> String {
        self.0.replace('-', "_")
    }

    /// The id of its provider: `LAMA_PAY`.
    #[must_use]
    pub fn provider_id(&self) -> String {
        self.snake_case().to_ascii_uppercase()
    }

    /// Its words, joined: `Lama Pay`.
    fn title(&self, joint: &str) -> String {
        let capitalised = |word: &str| {
            let (first, rest) = word.split_at(1);
            first.to_ascii_uppercase() + rest
        };
        self.0.split('-').map(capitalised).collect::<Vec<_>>().join(joint)
    }

    /// The name in the form of one of the example's names.
    fn in_form_of(&self, form: &str) -> String {
        match form {
            "AndesPay" => self.title(""),
            "Andes Pay" => self.title(" "),
            "andes_pay" => self.snake_case(),
            "andespay" => self.0.replace('-', ""),
            "ANDES" => self.provider_id(),
            "andes-" => format!("{}-", self.0),
            "andes_" => format!("{}_", self.snake_case()),
            _ => self.0.clone(),
        }
    }
}

/// A text of the example with what a new project says of itself.
fn own(path: &str, text: &str) -> String {
    let own = own_texts::OWN_TEXTS.iter().filter(|text| text.path == path);
    own.fold(text.to_owned(), |text, own| text.replacen(own.of_example, own.of_project, 1))
}

/// A text of the example with the names of the project.
fn renamed(text: &str, name: &ProjectName) -> String {
    let (mut all, mut rest) = (String::new(), text);
    // The longest of those that begin at the first place where one begins.
    let first = |rest: &str| {
        let found = NAMES.iter().filter_map(|known| Some((rest.find(known)?, *known)));
        found.min_by_key(|(place, known)| (*place, usize::MAX - known.len()))
    };
    while let Some((place, known)) = first(rest) {
        let (before, from) = rest.split_at(place);
        all = all + before + &name.in_form_of(known);
        rest = from.strip_prefix(known).unwrap_or_default();
    }
    // The example lies three folders deep in its workspace.
    (all + rest).replace("../../../", "")
}

/// The files of a new project: their paths and contents.
#[must_use]
pub fn files(name: &ProjectName) -> Vec<(&'static str, String)> {
    let files = FILES.iter().map(|&(path, contents)| {
        let contents = &*own(path, contents);
        let contents = match path {
            // Cargo removes what the project does not use.
            "Cargo.lock" => contents.to_owned(),
            "Cargo.toml" => renamed(contents, name) + &workspace(),
            "clippy.toml" | "fake/clippy.toml" => {
                let ours = |line: &&str| !line.starts_with("doc-valid-idents");
                contents.lines().filter(ours).fold(String::new(), |all, line| all + line + "\n")
            }
            _ if path.starts_with("wit/") => contents.to_owned(),
            _ => renamed(contents, name),
        };
        (path, contents)
    });
    files.collect()
}

/// The project's own workspace: the plugin and the fake of its provider.
fn workspace() -> String {
    let shared = WORKSPACE.split_once("[workspace.package]").and_then(|(_, shared)| {
        let (shared, _) = shared.split_once("[package]")?;
        Some(shared.trim_end())
    });
    format!(
        r#"
[workspace]
members = ["fake"]
resolver = "3"

[workspace.package]{}

# A small component.
[profile.release]
opt-level = "s"
lto = true
codegen-units = 1
panic = "abort"
strip = true
"#,
        shared.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_every_place_can_have_are_taken() {
        for name in ["lama-pay", "a", "pay24", "andes-pay", "my-andes-pay", "mercado-pago"] {
            assert!(ProjectName::parse(name).is_ok(), "{name}");
        }
        let malformed = [
            "",
            "-",
            "Lama",
            "lama_pay",
            "lama--pay",
            "lama-",
            "-lama",
            "2pay",
            "../lama",
            "lama/pay",
            "lama pay",
            "läma",
            "a-name-that-is-far-too-long-to-be-used",
        ];
        for name in malformed {
            let error = NameError::Malformed(name.to_owned());
            assert_eq!(ProjectName::parse(name).unwrap_err(), error);
        }
        for name in ["fn", "serde", "std", "http-body-util", "host-test", "hmac"] {
            assert_eq!(ProjectName::parse(name).unwrap_err(), NameError::Taken(name.to_owned()));
        }
    }

    #[test]
    fn new_project_knows_nothing_of_the_example() {
        let files = files(&ProjectName::parse("lama-pay").unwrap());
        for (path, contents) in &files {
            if *path == "Cargo.lock" {
                continue;
            }
            let knows = |word: &str| contents.to_lowercase().contains(word);
            assert!(!knows("andes") && !knows("../.."), "{path}");
            // What was made up for the example is not said of a provider that exists.
            assert!(!knows("is made up") && !knows("source: lama pay"), "{path}");
        }
        let contents = |path: &str| &files.iter().find(|(known, _)| *known == path).unwrap().1;
        assert!(contents("Cargo.toml").contains("name = \"lama-pay\""));
        assert!(contents("src/lib.rs").contains("pub struct LamaPay;"));
        assert!(contents("src/manifest.rs").contains("\"LAMA_PAY\""));
        assert!(contents("src/manifest.rs").contains("\"Lama Pay\""));
        assert!(contents("src/bindings.rs").contains("path: \"wit\""));
        assert!(contents("src/api.rs").contains("https://api.lamapay.example"));
        assert!(contents("src/webhook.rs").contains("\"lama-pay-signature\""));
        assert!(contents("README.md").starts_with("# The payment plugin of Lama Pay\n"));
        assert!(contents("src/lib.rs").starts_with("//! The payment plugin of Lama Pay.\n"));
    }

    #[test]
    fn every_own_text_stands_in_the_example_once() {
        for text in &own_texts::OWN_TEXTS {
            let (_, contents) = FILES.iter().find(|(path, _)| *path == text.path).unwrap();
            assert_eq!(contents.matches(text.of_example).count(), 1, "{}", text.of_example);
        }
    }
}
