//! Every workspace of a data folder through one listener.

use super::{Control, code, order};
use crate::host::{Host, LIVE_KEY, PAYS, TEST_KEY};

fn install(key: &str) -> String {
    format!(r#"{{"credentials": {{"api-key": "{key}"}}}}"#)
}

#[tokio::test]
async fn two_workspaces_are_served_by_one_listener() {
    let host = Host::start().await;
    let control = Control::start(&host).await;
    for (workspace, key, mode) in [("a", TEST_KEY, "test"), ("b & c", LIVE_KEY, "live")] {
        let query = workspace.replace(' ', "+").replace('&', "%26");
        let path = format!("/api/v1/install?workspace={query}");
        let (status, installed) = control.post(&path, &install(key)).await;
        assert_eq!((status, &installed["mode"]), (200, &mode.into()), "{installed}");
        let path = format!("/api/v1/payments?workspace={query}");
        let (status, paid) = control.post(&path, &order("order-1")).await;
        assert_eq!((status, &paid["mode"]), (200, &mode.into()), "{paid}");
        host.pay(paid["checkout_url"].as_str().unwrap(), PAYS).await;
        // A delivery came at the public door, of which the marketplace was opened for another workspace.
        let list = format!("/api/v1/transitions?workspace={query}");
        let (_, told) = control.get(&list).await;
        let told = told["transitions"].as_array().unwrap();
        assert_eq!(told.len(), 2, "{told:?}");
        assert_eq!(told.last().unwrap()["output"], "Approved");
    }
    let (_, listed) = control.get("/api/v1/workspaces").await;
    let names = listed["workspaces"].as_array().unwrap();
    let modes = names.iter().map(|one| (&one["name"], &one["installed"]["mode"]));
    let [nothing, test, live] = [serde_json::Value::Null, "test".into(), "live".into()];
    let [a, b, default] = ["a", "b & c", "default"].map(serde_json::Value::from);
    assert_eq!(modes.collect::<Vec<_>>(), [(&a, &test), (&b, &live), (&default, &nothing)]);
    assert_eq!(listed["next"], nothing);
    // Page by page.
    let (_, first) = control.get("/api/v1/workspaces?limit=2").await;
    assert_eq!((first["workspaces"].as_array().unwrap().len(), &first["next"]), (2, &default));
    let (_, second) = control.get("/api/v1/workspaces?limit=2&from=default").await;
    assert_eq!(second["workspaces"][0]["name"], default);
    // What is done in one is not done in the other.
    let (status, _) = control.post("/api/v1/uninstall?workspace=a", "{}").await;
    assert_eq!(status, 200);
    assert_eq!(code(&control.get("/api/v1/status?workspace=a").await), (409, "not-installed"));
    assert_eq!(control.get("/api/v1/status?workspace=b+%26+c").await.0, 200);
}

#[tokio::test]
async fn request_that_does_not_install_creates_no_workspace() {
    let host = Host::start().await;
    let control = Control::start(&host).await;
    for path in [
        "/api/v1/status?workspace=shop",
        "/api/v1/payments?workspace=shop",
        "/api/v1/payments/order-1?workspace=shop",
        "/api/v1/transitions?workspace=shop",
        "/api/v1/attention?workspace=shop",
    ] {
        assert_eq!(code(&control.get(path).await), (404, "workspace-unknown"), "{path}");
    }
    for (path, body) in [("repair", "{}"), ("uninstall", "{}"), ("payments", &order("order-1"))] {
        let path = format!("/api/v1/{path}?workspace=shop");
        let answer = control.post(&path, body).await;
        assert_eq!(code(&answer), (404, "workspace-unknown"), "{path}");
    }
    // What is refused before it begins creates none either.
    let unknown = r#"{"credentials": {"no-such": "x"}}"#;
    let answer = control.post("/api/v1/install?workspace=shop", unknown).await;
    assert_eq!(code(&answer), (400, "credential-unknown"));
    for (body, refused) in [
        (r#"{"credentials": {}}"#.to_owned(), "key-missing"),
        (install("no key"), "key-malformed"),
        (install(TEST_KEY).replace("}}", r#"}, "mode": "live"}"#), "mode-mismatch"),
    ] {
        let answer = control.post("/api/v1/install?workspace=shop", &body).await;
        assert_eq!(code(&answer), (422, refused), "{answer:?}");
    }
    let (_, listed) = control.get("/api/v1/workspaces").await;
    assert_eq!(listed["workspaces"].as_array().unwrap().len(), 1, "{listed}");
}
