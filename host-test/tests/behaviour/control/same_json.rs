//! The API answers what the command line prints with `--json`, in a table over the routes.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Control, answer, order};
use crate::command_line::{host_test, problem, run};
use crate::host::{Host, PAYS, TEST_KEY};

/// Without what changes from one moment to the next.
fn stable(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let is_check = fields.contains_key("verdict");
            let is_stable = |name: &str| {
                !(name == "as_of" || name == "authority" || (is_check && name == "message"))
            };
            let fields = fields.iter().filter(|(name, _)| is_stable(name));
            Value::Object(fields.map(|(name, value)| (name.clone(), stable(value))).collect())
        }
        Value::Array(values) => values.iter().map(stable).collect(),
        other => other.clone(),
    }
}

/// What a command prints: its result, or its problem.
async fn printed(host: &Host, arguments: &[&str]) -> Value {
    let mut command = host_test(host.data.path(), arguments);
    let origin = format!("https://api.stripe.com=http://{}", host.fake.address());
    command.args(["--json", "--provider-origin", &origin]);
    let output = run(command).await;
    if output.stdout.is_empty() {
        problem(&output)
    } else {
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn api_answers_what_the_command_line_prints() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let control = Control::start(&host).await;
    let page = host.ask("order-1").await;
    host.pay(&page, PAYS).await;
    let page = host.ask("order-2").await;
    host.pay(&page, "short").await;
    host.ask("order-3").await;
    host.marketplace.reconcile(|_| ()).await.unwrap();
    let hash = host.marketplace.plugin().sha256().to_owned();
    let by_hash = format!(r#"{{"sha256": "{hash}"}}"#);
    let (get, post) = (Method::GET, Method::POST);
    let (new, used) = (order("order-4"), order("order-1").replace("10.50", "20"));
    let success = "https://example.com/thank-you";
    let pay = |reference, amount| {
        vec![
            "pay",
            "--currency",
            "usd",
            "--reference",
            reference,
            "--amount",
            amount,
            "--success-url",
            success,
        ]
    };
    let page = r#"{"page_origin": "https://pay.example.com"}"#;
    let refund = r#"{"reference": "r1", "amount": "0.50"}"#;
    let rows: [(&Method, &str, &str, Vec<&str>); 31] = [
        (&post, "/reconcile", "", vec!["reconcile"]),
        (&get, "/status", "", vec!["status"]),
        (&post, "/repair", "", vec!["repair"]),
        (&get, "/review", "", vec!["approve"]),
        (&post, "/approve", &by_hash, vec!["approve", "--sha256", &hash]),
        (&post, "/approve", page, vec!["approve", "--page-origin", "https://pay.example.com"]),
        (&post, "/approve", r#"{"sha256": "00"}"#, vec!["approve", "--sha256", "00"]),
        (&post, "/payments", &new, pay("order-4", "10.50")),
        (&post, "/payments", &used, pay("order-1", "20")),
        (&get, "/payments", "", vec!["payments"]),
        (&get, "/payments?limit=2", "", vec!["payments", "--limit", "2"]),
        (&get, "/payments?before=2&limit=1", "", vec!["payments", "--before", "2", "--limit", "1"]),
        (&get, "/payments/order-1", "", vec!["payment", "order-1"]),
        (&get, "/payments/none", "", vec!["payment", "none"]),
        (&post, "/payments/order-1/complete", "", vec!["complete", "order-1"]),
        (&post, "/payments/order-3/cancel", "", vec!["cancel", "order-3"]),
        (&post, "/payments/order-1/cancel", "", vec!["cancel", "order-1"]),
        (
            &post,
            "/payments/order-1/refunds",
            refund,
            vec!["refund", "order-1", "--reference", "r1", "--amount", "0.50"],
        ),
        (
            &post,
            "/payments/order-3/refunds",
            r#"{"reference": "r2"}"#,
            vec!["refund", "order-3", "--reference", "r2"],
        ),
        (&get, "/payments/order-1/flow", "", vec!["flow", "order-1"]),
        (&get, "/payments/none/flow", "", vec!["flow", "none"]),
        (&get, "/transitions", "", vec!["transitions"]),
        (
            &get,
            "/transitions?mode=live&consumer=x",
            "",
            vec!["transitions", "--mode", "live", "--consumer", "x"],
        ),
        (
            &post,
            "/transitions/acknowledge",
            r#"{"position": 1}"#,
            vec!["transitions", "--acknowledge", "1"],
        ),
        (
            &post,
            "/transitions/acknowledge",
            r#"{"position": 99}"#,
            vec!["transitions", "--acknowledge", "99"],
        ),
        (&get, "/attention", "", vec!["attention"]),
        (&get, "/attention?closed=true", "", vec!["attention", "--closed"]),
        (
            &post,
            "/attention/9/resolve",
            r#"{"note": "done"}"#,
            vec!["attention", "resolve", "9", "--note", "done"],
        ),
        (&post, "/prune", r#"{"older_than": 31}"#, vec!["prune", "--older-than", "31"]),
        (&post, "/ledger/restored", "", vec!["ledger", "restored"]),
        (&post, "/payments", &order("order-5"), pay("order-5", "10.50")),
    ];
    for (method, path, body, arguments) in rows {
        let request = control.request(method.clone(), &format!("/api/v1{path}"));
        let (_, answered) = answer(request.body(body.to_owned())).await;
        let printed = printed(&host, &arguments).await;
        assert_eq!(stable(&answered), stable(&printed), "{method} {path}");
        assert!(answered.as_object().is_some_and(|fields| !fields.is_empty()), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn install_and_uninstall_answer_what_the_command_line_prints() {
    let host = Host::start().await;
    let control = Control::start(&host).await;
    let origin = format!("https://api.stripe.com=http://{}", host.fake.address());
    let command = async |arguments: &[&str]| -> Value {
        let mut command = host_test(host.data.path(), arguments);
        command.args(["--json", "--workspace", "b", "--provider-origin", &origin]);
        let output = run({
            command.env("STRIPE_API_KEY", TEST_KEY);
            command
        })
        .await;
        serde_json::from_slice(&output.stdout).unwrap()
    };
    // Two installations differ in their ids.
    let same = |answered: &Value, printed: &Value| {
        let mut answered = stable(answered);
        for name in ["installation", "webhook_url", "installation_url"] {
            if let Some(value) = printed.get(name) {
                assert!(answered[name].is_string());
                answered[name] = value.clone();
            }
        }
        assert_eq!(answered, stable(printed));
    };
    let body = json!({ "credentials": { "api-key": TEST_KEY } }).to_string();
    let (_, answered) = control.post("/api/v1/install?workspace=a", &body).await;
    same(&answered, &command(&["install"]).await);
    let (_, answered) = control.post("/api/v1/uninstall?workspace=a", "").await;
    same(&answered, &command(&["uninstall"]).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn component_is_what_inspect_prints_and_who_it_is() {
    let host = Host::start().await;
    let control = Control::start(&host).await;
    let (status, component) = control.get("/api/v1/component").await;
    assert_eq!((status, &component["provider_id"]), (200, &"STRIPE".into()));
    assert_eq!(component["sha256"], host.marketplace.plugin().sha256());
    let inspected = printed(&host, &["inspect"]).await;
    for (name, value) in inspected.as_object().unwrap() {
        assert!(name == "path" || component[name] == *value, "{name}: {component}");
    }
}
