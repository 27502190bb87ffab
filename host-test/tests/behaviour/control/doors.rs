//! Two doors: nothing of the control listener is at the public one, and it serves no other name than this computer's.

use reqwest::Method;

use super::{Control, answer, code};
use crate::command_line::{host_test, problem, run};
use crate::host::{Host, TEST_KEY};

#[tokio::test]
async fn public_door_has_no_control_route() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let control = Control::start(&host).await;
    for path in
        ["/readyz", "/metrics", "/api/v1/status", "/api/v1/payments", "/api/v1/workspaces", "/"]
    {
        for method in [Method::GET, Method::POST] {
            let request = host.client.request(method, format!("{}{path}", host.url));
            let response = request.bearer_auth(&control.token).send().await.unwrap();
            assert_eq!(response.status(), 404, "{path}");
            assert!(response.bytes().await.unwrap().is_empty(), "{path}");
        }
    }
    let alive = host.client.get(format!("{}/healthz", host.url)).send().await.unwrap();
    assert_eq!(alive.status(), 200);
}

#[tokio::test]
async fn control_listener_takes_no_delivery() {
    let host = Host::start().await;
    let control = Control::start(&host).await;
    let answer = control.post("/link-webhook?provider=STRIPE", "{}").await;
    assert_eq!(code(&answer), (404, "route-unknown"));
    assert_eq!(code(&control.post("/readyz", "").await), (405, "method-not-allowed"));
    let wrong = control.post("/api/v1/status", "").await;
    assert_eq!(code(&wrong), (405, "method-not-allowed"));
    assert_eq!(code(&control.get("/api/v1/no-such").await), (404, "route-unknown"));
}

#[tokio::test]
async fn name_of_another_host_is_denied_and_counted() {
    let host = Host::start().await;
    let control = Control::start(&host).await;
    let port = control.url.rsplit(':').next().unwrap();
    for (name, status) in [
        ("evil.example".to_owned(), 403),
        (format!("evil.example:{port}"), 403),
        ("localhost:1".to_owned(), 200),
        (format!("127.0.0.1:{port}"), 200),
    ] {
        let request = control.request(Method::GET, "/api/v1/component").header("host", &name);
        let answer = answer(request).await;
        assert_eq!(answer.0, status, "{name}");
        assert!(status == 200 || answer.1["code"] == "control-host-denied", "{answer:?}");
    }
    let metrics = control.metrics().await;
    assert!(metrics.contains(r#"event="control-denied"} 2"#), "{metrics}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn address_that_others_can_reach_is_refused() {
    let host = Host::start().await;
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:8788"] {
        let serve = ["serve", "--listen", "127.0.0.1:0", "--control", address, "--json"];
        let output = run(host_test(host.data.path(), &serve)).await;
        assert_eq!(output.status.code(), Some(2), "{address}");
        let problem = problem(&output);
        assert_eq!(problem["code"], "control-not-loopback");
        assert!(problem["remedy"].to_string().contains("tunnel"), "{problem}");
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let serve = ["serve", "--listen", "127.0.0.1:0", "--control", &address, "--json"];
    let problem = problem(&run(host_test(host.data.path(), &serve)).await);
    assert_eq!(problem["code"], "port-in-use");
    assert!(problem["remedy"].to_string().contains("--control"), "{problem}");
}
