//! Many requests of one client at once.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::Control;
use crate::host::Host;

#[tokio::test]
async fn one_client_may_hold_all_connections() {
    let host = Host::start().await;
    let control = Control::start(&host).await;
    let head = format!(
        "POST /api/v1/uninstall HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n",
        control.token
    );
    let mut open = Vec::new();
    for number in 0..32 {
        let address = control.url.strip_prefix("http://").unwrap();
        let mut connection = TcpStream::connect(address).await.unwrap();
        connection.write_all(head.as_bytes()).await.unwrap();
        // It is being answered: the server has asked for the body.
        let mut asked = [0; 25];
        connection.read_exact(&mut asked).await.unwrap();
        assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n", "{number}");
        open.push(connection);
    }
    for mut connection in open {
        connection.write_all(b"{}").await.unwrap();
        let mut status = [0; 12];
        connection.read_exact(&mut status).await.unwrap();
        assert_eq!(&status, b"HTTP/1.1 409");
    }
}
