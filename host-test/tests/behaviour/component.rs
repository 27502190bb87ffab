//! The bundled component, read from itself.

use host_test::bundled;
use host_test::contract::types::Authorization;
use host_test::plugin::{LoadError, Plugin, inspect};

use super::host::{compiler, plugin};

#[tokio::test]
async fn component_imports_only_http() {
    let inspected = inspect::inspect(bundled::COMPONENT, &compiler()).await.unwrap();
    let component = inspected.inspection;
    assert_eq!(component.callable_imports, ["brain-studio:payments/http@0.3.0#send"]);
    let allowed = ["brain-studio:payments/http@0.3.0", "brain-studio:payments/types@0.3.0"];
    assert!(component.imports.iter().all(|name| allowed.contains(&name.as_str())));
    assert_eq!(component.exports, ["brain-studio:payments/payment-provider@0.3.0"]);
    assert_eq!(component.package_version.as_deref(), Some("0.3.0"));
}

#[test]
fn component_is_small() {
    assert!(bundled::COMPONENT.len() <= 350_000, "{} bytes", bundled::COMPONENT.len());
}

#[tokio::test]
async fn manifest_is_the_guides() {
    let plugin = plugin().await;
    let manifest = plugin.manifest();
    assert_eq!(manifest.provider_id, "STRIPE");
    let events = [
        "payment_intent.succeeded",
        "payment_intent.requires_action",
        "payment_intent.payment_failed",
    ];
    assert_eq!(manifest.events, events);
    let required: Vec<_> = manifest.credentials.iter().filter(|field| field.required).collect();
    let [api_key] = required.as_slice() else { panic!("one credential is asked for") };
    assert_eq!((api_key.name.as_str(), api_key.label.as_str()), ("api-key", "API Key"));
    assert!(manifest.credentials.iter().all(|field| field.secret));
    let [origin] = manifest.origins.as_slice() else { panic!("one origin is called") };
    assert_eq!(origin.url, "https://api.stripe.com");
    assert_eq!(origin.authorization, Authorization::Bearer("api-key".to_owned()));
    // What an operator approves of another component: a changed role is another approval.
    let approvals: Vec<_> = manifest.approvals().into_iter().map(|(_, what)| what).collect();
    assert_eq!(
        approvals,
        [
            "to be the provider STRIPE",
            "to call https://api.stripe.com with api-key",
            "to be given the value of webhook-secret",
            "to send customers to https://checkout.stripe.com",
            "to send customers to https://payments.stripe.com",
        ]
    );
}

/// A component from its text.
fn component(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

async fn refusal(bytes: &[u8]) -> LoadError {
    match Plugin::load(bytes, &compiler()).await {
        Err(error) => error,
        Ok(_) => panic!("it was loaded"),
    }
}

#[tokio::test]
async fn wrong_component_is_refused() {
    let code = async |bytes: &[u8]| refusal(bytes).await.problem().code;
    assert_eq!(code(b"no wasm").await, "component-invalid");
    assert_eq!(code(b"").await, "component-invalid");
    let (half, _) = bundled::COMPONENT.split_at(bundled::COMPONENT.len() / 2);
    assert_eq!(code(half).await, "component-invalid");
    assert_eq!(code(&component("(module)")).await, "component-is-a-module");
    assert_eq!(code(&component("(component)")).await, "component-interface-missing");

    let clock = component(
        r#"(component (import "wasi:clocks/wall-clock@0.2.6"
            (instance (export "now" (func (result u64))))))"#,
    );
    let LoadError::ForbiddenImports(names) = refusal(&clock).await else { panic!() };
    assert_eq!(names, ["wasi:clocks/wall-clock@0.2.6#now"]);

    // Plain functions only: every language can make those.
    let asynchronous = component(
        r#"(component
            (core module $module (func (export "f") (result i32) i32.const 0))
            (core instance $instance (instantiate $module))
            (type $type (func async (result u32)))
            (func $f (type $type) (canon lift (core func $instance "f")))
            (instance $provider (export "describe" (func $f)))
            (export "brain-studio:payments/payment-provider@0.3.0" (instance $provider)))"#,
    );
    assert!(refusal(&asynchronous).await.problem().message.contains("async"));

    let half_done = component(
        r#"(component
            (core module $module (func (export "f")))
            (core instance $instance (instantiate $module))
            (func $f (canon lift (core func $instance "f")))
            (instance $provider (export "describe" (func $f)))
            (export "brain-studio:payments/payment-provider@0.3.0" (instance $provider)))"#,
    );
    let LoadError::FunctionsMissing(names) = refusal(&half_done).await else { panic!() };
    assert_eq!(names.len(), 15);
    assert!(names.contains(&"handle-webhook".to_owned()));
}
