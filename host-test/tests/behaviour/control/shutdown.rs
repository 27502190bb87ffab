//! The end of the control listener.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fake_provider::FaultKind;
use host_test::server::DoorLimits;
use host_test::server::control::{ControlToken, serve};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::token_in;
use crate::host::{Host, TEST_KEY};

#[tokio::test]
async fn shutdown_waits_for_work_whose_client_has_left() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/api/v1/repair", listener.local_addr().unwrap());
    let token = ControlToken::of(host.data.path()).unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async { stopped.await.unwrap() };
    let shutdown_time = Duration::from_millis(300);
    let limits = DoorLimits { shutdown_time, ..DoorLimits::default() };
    let marketplace = Arc::clone(&host.marketplace);
    let served = tokio::spawn(serve(listener, marketplace, token, limits, stopped));
    // Its work ends when the provider answers.
    host.fake.set_fault(Some(FaultKind::Silent.into()));
    let client = reqwest::Client::new();
    let request = client.post(url).bearer_auth(token_in(host.data.path())).send();
    tokio::select! {
        answer = request => panic!("{answer:?}"),
        () = host.fake.fault_met() => {}
    }
    drop(client);
    let begun = Instant::now();
    stop.send(()).unwrap();
    served.await.unwrap();
    assert!(begun.elapsed() >= shutdown_time, "{:?}", begun.elapsed());
}
