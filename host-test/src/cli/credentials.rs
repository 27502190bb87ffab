//! Reads credentials from the environment, standard input or a prompt. Never from an argument: every program on the
//! machine can see those, and the shell stores them in its history.

use std::collections::BTreeMap;
use std::io::{BufRead as _, IsTerminal as _, Read, Write as _};

use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};

use super::CommandError;
use crate::bundled;
use crate::contract::types::{CredentialField, CredentialRole, Manifest, Problem};
use crate::credential_variables::variable;
use crate::egress::Credentials;

/// How much of standard input is read: more than all credentials together have.
const MAX_CREDENTIAL_BYTES: usize = 64 << 10;

/// The credentials of one provider, and where they are read from.
struct Source<'a> {
    manifest: &'a Manifest,
    is_built_in: bool,
    /// Nobody is asked at a prompt.
    is_terminal: bool,
    /// What standard input gives by name. None: it was not read.
    given: Option<Given>,
}

/// What standard input gives.
enum Given {
    /// Several credentials, by the names of their fields.
    Named(BTreeMap<String, SecretString>),
    /// One credential, as it is. None: it was used.
    Bare(Option<SecretString>),
}

/// Reads every credential that the manifest names: from its variable, else from standard input, where that is a
/// terminal from a prompt. A signing secret is asked for only where the merchant makes the webhook: otherwise the plugin
/// gets it from the provider. Its variable is always read, because the merchant may have rolled it.
pub fn read(
    manifest: &Manifest,
    is_built_in: bool,
    webhook_is_manual: bool,
) -> Result<Credentials, CommandError> {
    let is_terminal = std::io::stdin().is_terminal();
    let mut source = Source { manifest, is_built_in, is_terminal, given: None };
    let mut values = Vec::new();
    for field in &manifest.credentials {
        let is_asked_for = webhook_is_manual || field.role != CredentialRole::SigningSecret;
        let value = source.value(field, is_asked_for)?;
        values.extend(value.map(|value| (field.name.clone(), value)));
    }
    Ok(Credentials::new(values))
}

/// Where credentials are read from, for the help of `install`.
pub fn help() -> String {
    let (provider_id, fields) = bundled::credential_fields();
    let own: Vec<String> = fields.iter().map(|name| variable(&provider_id, true, name)).collect();
    format!(
        "Variables of the built-in plugin's credentials: {}.\nThose of another plugin: {}, as `host-test approve FILE` shows them.\nStandard input: one key alone, lines of NAME=VALUE, or a JSON object; the names are those of the fields or of the variables. It is read if a credential that is required has no variable.",
        own.join(", "),
        variable("<provider>", false, "<field>"),
    )
}

impl Source<'_> {
    fn variable(&self, field: &CredentialField) -> String {
        variable(&self.manifest.provider_id, self.is_built_in, &field.name)
    }

    /// The value of a field. None: an optional one is left out.
    fn value(
        &mut self,
        field: &CredentialField,
        is_asked_for: bool,
    ) -> Result<Option<SecretString>, CommandError> {
        let variable = self.variable(field);
        match std::env::var(&variable) {
            // An empty variable leaves an optional credential out.
            Ok(value) if value.is_empty() && !field.required => return Ok(None),
            Ok(value) => return Ok(Some(SecretString::from(value))),
            Err(std::env::VarError::NotPresent) => {}
            Err(std::env::VarError::NotUnicode(_)) => {
                return Err(self.unreadable(field, &format!("{variable} is not text")));
            }
        }
        if self.is_terminal {
            if !(field.required || is_asked_for) {
                return Ok(None);
            }
            let value = self.ask(field)?;
            // An empty answer leaves an optional credential out.
            let is_left_out = value.expose_secret().is_empty() && !field.required;
            return Ok((!is_left_out).then_some(value));
        }
        self.of_standard_input(field)
    }

    fn ask(&self, field: &CredentialField) -> Result<SecretString, CommandError> {
        eprintln!("{}", field.help);
        let prompt = format!("{}, {}", self.manifest.name, field.label);
        let value = if field.secret {
            rpassword::prompt_password(format!("{prompt} (hidden): "))
        } else {
            eprint!("{prompt}: ");
            let mut line = String::new();
            let read = std::io::stderr()
                .flush()
                .and_then(|()| std::io::stdin().lock().read_line(&mut line));
            read.map(|_| line.trim_end_matches(['\r', '\n']).to_owned())
        };
        value.map(SecretString::from).map_err(|error| self.unreadable(field, &error.to_string()))
    }

    /// What standard input, which is no terminal, gives for a field. It is read once, for all fields: the first one that
    /// is needed gets a bare value.
    fn of_standard_input(
        &mut self,
        field: &CredentialField,
    ) -> Result<Option<SecretString>, CommandError> {
        if self.given.is_none() {
            if !field.required {
                // Another program's input is not for a field that may be left out.
                return Ok(None);
            }
            self.given = Some(self.read_standard_input(field)?);
        }
        let value = match &mut self.given {
            Some(Given::Named(values)) => values.remove(&field.name),
            Some(Given::Bare(value)) if field.required => value.take(),
            Some(Given::Bare(_)) | None => None,
        };
        match value {
            None if field.required => Err(CommandError::Usage(self.missing(field))),
            // As at the prompt.
            Some(value) if value.expose_secret().is_empty() && !field.required => Ok(None),
            value => Ok(value),
        }
    }

    fn read_standard_input(&self, field: &CredentialField) -> Result<Given, CommandError> {
        // Read to the end, so that a line break inside a key is refused and not cut off.
        let text = read_all(std::io::stdin().take(MAX_CREDENTIAL_BYTES as u64))
            .map_err(|error| self.unreadable(field, &error.to_string()))?;
        let named = match text.expose_secret().trim_start() {
            json if json.starts_with('{') => {
                let values: Option<BTreeMap<String, SecretString>> =
                    serde_json::from_str(json).ok();
                let values = values.ok_or_else(|| CommandError::Usage(self.input_malformed()))?;
                values.into_iter().collect()
            }
            "" => return Ok(Given::Bare(None)),
            lines if self.first_line_is_named(lines) => self.lines(lines)?,
            _ => return Ok(Given::Bare(Some(text))),
        };
        let mut by_field = BTreeMap::new();
        for (name, value) in named {
            let field = self.field_of(&name).map(|field| field.name.clone());
            let is_new = field.is_some_and(|field| by_field.insert(field, value).is_none());
            if !is_new {
                return Err(CommandError::Usage(self.input_malformed()));
            }
        }
        Ok(Given::Named(by_field))
    }

    /// Whether the input has lines such as `NAME=VALUE`. A bare key may have a `=` as well.
    fn first_line_is_named(&self, text: &str) -> bool {
        let first = text.lines().map(str::trim).find(|line| !line.is_empty());
        first
            .and_then(|line| line.split_once('='))
            .is_some_and(|(name, _)| self.field_of(name.trim()).is_some())
    }

    fn lines(&self, text: &str) -> Result<Vec<(String, SecretString)>, CommandError> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        lines
            .map(|line| {
                let pair = line.split_once('=');
                let pair = pair.ok_or_else(|| CommandError::Usage(self.input_malformed()))?;
                Ok((pair.0.trim().to_owned(), SecretString::from(pair.1.trim())))
            })
            .collect()
    }

    /// The field of a name: its own, or that of its variable.
    fn field_of(&self, name: &str) -> Option<&CredentialField> {
        let mut fields = self.manifest.credentials.iter();
        fields.find(|field| {
            field.name.eq_ignore_ascii_case(name) || self.variable(field).eq_ignore_ascii_case(name)
        })
    }

    /// The variables, each with the label of its field.
    fn variables(&self) -> String {
        let fields = self.manifest.credentials.iter();
        let each = fields.map(|field| {
            let optional = if field.required { "" } else { ", optional" };
            format!("{} ({}{optional})", self.variable(field), field.label)
        });
        each.collect::<Vec<_>>().join(", ")
    }

    fn input_malformed(&self) -> Problem {
        Problem::new(
            "credentials-malformed",
            "Standard input is neither a key alone, nor lines of NAME=VALUE, nor a JSON object of these.",
            &[&format!("The names are: {}. Give each once, and no other.", self.variables())],
        )
    }

    fn missing(&self, field: &CredentialField) -> Problem {
        Problem::new(
            "credential-missing",
            format!("The {} of {} was not given.", field.label, self.manifest.name),
            &[
                &format!("Set these variables: {}.", self.variables()),
                "Or give them on standard input, as lines of NAME=VALUE or as a JSON object. Or run the command in a terminal, which asks for them.",
            ],
        )
    }

    fn unreadable(&self, field: &CredentialField, why: &str) -> CommandError {
        CommandError::Usage(Problem::new(
            "credential-unreadable",
            format!("The {} could not be read: {why}.", field.label),
            &[&format!(
                "Paste it at the prompt, set its variable {}, or give it on standard input.",
                self.variable(field)
            )],
        ))
    }
}

/// Reads a text into a buffer that is erased. It has its size from the start: one that grows leaves copies behind.
fn read_all(mut text: impl Read) -> std::io::Result<SecretString> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_CREDENTIAL_BYTES + 1));
    text.read_to_end(&mut bytes)?;
    str::from_utf8(&bytes)
        .map(SecretString::from)
        .map_err(|_| std::io::Error::new(std::io::ErrorKind::InvalidData, "it is not text"))
}
