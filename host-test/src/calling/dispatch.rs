//! From the name of a function to its call.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::error::ArgumentError;
use super::{Caller, CallingError};
use crate::contract::types::{InstallRequest, Installation};

/// How long a status report may take. Our own choice: as `status`.
const REPORT_TIME: std::time::Duration = std::time::Duration::from_secs(10);

/// Takes an argument. Its form was checked by its type.
fn take<T: DeserializeOwned>(arguments: &mut Value, name: &str) -> Result<T, CallingError> {
    let argument = arguments.get_mut(name).map(Value::take).unwrap_or_default();
    serde_json::from_value(argument).map_err(|error| {
        let (at, expected) = (name.to_owned(), format!("of its type: {error}"));
        ArgumentError::WrongType { at, expected }.into()
    })
}

impl Caller {
    /// Calls a function. Arguments and answer are as the bindings read and write them.
    pub(super) async fn dispatch(
        &self,
        function: &str,
        mut arguments: Value,
    ) -> Result<Value, CallingError> {
        let plugin = &self.plugin;
        let arguments = &mut arguments;
        Ok(match function {
            "describe" => json!(plugin.describe().await?),
            "install" => {
                let request = self.install_request(arguments)?;
                json!(plugin.install(self.one_call(request.mode)?, &request).await?)
            }
            "identify-webhook" => {
                let request = take(arguments, "request")?;
                json!(plugin.identify_webhook(plugin.now(), &request).await?)
            }
            _ => self.dispatch_installed(function, arguments).await?,
        })
    }

    /// The functions that are called with an installation.
    async fn dispatch_installed(
        &self,
        function: &str,
        arguments: &mut Value,
    ) -> Result<Value, CallingError> {
        let plugin = &self.plugin;
        let mut installation: Installation = take(arguments, "installation")?;
        self.fill_in(&mut installation);
        let call = self.one_call(installation.mode)?;
        Ok(match function {
            "repair" => {
                let request = self.install_request(arguments)?;
                json!(plugin.repair(call, &installation, &request).await?)
            }
            "uninstall" => json!(plugin.uninstall(call, &installation).await?),
            "report-status" => {
                let request = take(arguments, "request")?;
                json!(plugin.report_status(call, REPORT_TIME, &installation, &request).await?)
            }
            "create-payment" => {
                let request = take(arguments, "request")?;
                json!(plugin.create_payment(call, &installation, &request).await?)
            }
            "complete-payment" => {
                let request = take(arguments, "request")?;
                json!(plugin.complete_payment(call, &installation, &request).await?)
            }
            "refund-payment" => {
                let request = take(arguments, "request")?;
                json!(plugin.refund_payment(call, &installation, &request).await?)
            }
            "handle-webhook" => {
                let request = take(arguments, "request")?;
                let handled = plugin.handle_webhook(call, plugin.now(), &installation, &request);
                json!(handled.await?)
            }
            _ => self.dispatch_reads(function, call, &installation, arguments).await?,
        })
    }

    async fn dispatch_reads(
        &self,
        function: &str,
        call: crate::plugin::Call,
        installation: &Installation,
        arguments: &mut Value,
    ) -> Result<Value, CallingError> {
        let plugin = &self.plugin;
        let id = |arguments: &mut Value| take::<String>(arguments, "id");
        Ok(match function {
            "find-payment" => {
                let search = take(arguments, "search")?;
                json!(plugin.find_payment(call, installation, &search).await?)
            }
            "find-refund" => {
                let search = take(arguments, "search")?;
                json!(plugin.find_refund(call, installation, &search).await?)
            }
            "list-events" => {
                let query = take(arguments, "query")?;
                json!(plugin.list_events(call, installation, &query).await?)
            }
            "get-payment" => json!(plugin.get_payment(call, installation, &id(arguments)?).await?),
            "cancel-payment" => {
                json!(plugin.cancel_payment(call, installation, &id(arguments)?).await?)
            }
            "get-refund" => json!(plugin.get_refund(call, installation, &id(arguments)?).await?),
            other => return Err(ArgumentError::unknown_function(other, Vec::new()).into()),
        })
    }

    /// The request of `install` and `repair`, with the signing secrets that were given.
    fn install_request(&self, arguments: &mut Value) -> Result<InstallRequest, CallingError> {
        let mut request: InstallRequest = take(arguments, "request")?;
        for credential in &mut request.credentials {
            if credential.signing_secret.is_none() {
                credential.signing_secret = self.signing_secret(&credential.name);
            }
        }
        Ok(request)
    }

    /// Fills in the signing secrets that were given, where the arguments name none.
    fn fill_in(&self, installation: &mut Installation) {
        let secrets = &mut installation.webhook.signing_secrets;
        if secrets.is_empty() {
            let fields = &self.plugin.manifest().credentials;
            secrets.extend(fields.iter().filter_map(|field| self.signing_secret(&field.name)));
            secrets.extend(self.signing_secrets.iter().cloned());
        }
    }
}
