//! The environment variables that hold credentials.

use crate::contract::types::Manifest;

/// The environment variable of a credential: `PLUGIN_<PROVIDER>_<CREDENTIAL>`, and without the prefix for the built-in
/// plugin. So no plugin can name another program's variable.
pub fn variable(provider_id: &str, is_built_in: bool, credential: &str) -> String {
    let prefix = if is_built_in { "" } else { "PLUGIN_" };
    format!("{prefix}{provider_id}_{credential}").to_uppercase().replace('-', "_")
}

/// The variables of a plugin's credentials.
pub fn variables(manifest: &Manifest, is_built_in: bool) -> Vec<String> {
    let fields = manifest.credentials.iter();
    fields.map(|field| variable(&manifest.provider_id, is_built_in, &field.name)).collect()
}
