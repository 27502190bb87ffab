//! The load: requests over connections that are kept, each as soon as the one before it on its connection is answered.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// How fast requests were answered.
pub struct Load {
    pub per_second: f64,
    pub p50: Duration,
    pub p99: Duration,
}

/// Sends each request once. Every answer has to be a 200. One thread sends them all: a server has the other cores.
pub fn run(address: SocketAddr, requests: Vec<Vec<u8>>, connections: usize) -> Load {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (requests, next) = (Arc::new(requests), Arc::new(AtomicUsize::new(0)));
        let mut open = Vec::new();
        for _ in 0..connections {
            open.push(Connection::open(address).await);
        }
        let (begun, mut senders) = (Instant::now(), JoinSet::new());
        for mut connection in open {
            let (requests, next) = (Arc::clone(&requests), Arc::clone(&next));
            senders.spawn(async move {
                let mut times = Vec::new();
                while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
                    times.push(connection.exchange(request).await);
                }
                times
            });
        }
        let mut times: Vec<Duration> = senders.join_all().await.into_iter().flatten().collect();
        let seconds = begun.elapsed().as_secs_f64();
        times.sort_unstable();
        let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
        Load { per_second: per_second(times.len(), seconds), p50: at(50), p99: at(99) }
    })
}

#[allow(clippy::cast_precision_loss)]
fn per_second(number: usize, seconds: f64) -> f64 {
    number as f64 / seconds
}

/// A connection that is kept.
pub struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Connection {
    pub async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, answer: Vec::new() }
    }

    /// Sends a request, and reads its answer to its end: it has to be a 200. Returns how long that took.
    pub async fn exchange(&mut self, request: &[u8]) -> Duration {
        let sent = Instant::now();
        self.stream.write_all(request).await.unwrap();
        self.answer.clear();
        while !is_whole(&self.answer) {
            let read = self.stream.read_buf(&mut self.answer).await.unwrap();
            assert!(read > 0, "the connection was closed: {}", self.answer());
        }
        let took = sent.elapsed();
        assert!(self.answer.starts_with(b"HTTP/1.1 200 "), "not taken: {}", self.answer());
        took
    }

    /// The last answer, with its head.
    pub fn answer(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.answer)
    }
}

/// Whether an answer is complete. Its length is said in its head.
fn is_whole(answer: &[u8]) -> bool {
    let Some(end) = memchr::memmem::find(answer, b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
    let (_, length) = head.split_once("content-length: ").unwrap();
    let length = length.lines().next().unwrap_or_default().trim();
    answer.len() >= end + 4 + length.parse::<usize>().unwrap()
}
