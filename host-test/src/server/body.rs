//! Reading a body, so that slow senders use little memory.
//!
//! A body of up to 32 KiB is read at once: the bound on connections bounds these. A larger one needs a place, of
//! which there are few, and which the senders share. So those who send large bodies slowly hold up each other, and no small
//! body.

use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody as _};
use futures_util::StreamExt as _;
use tokio::time::{Instant, timeout_at};

use crate::fair_places::{FairPlaces, Owner, Place};

/// The largest body of a delivery, in bytes. Source: the contract.
const MAXIMUM: usize = 1 << 20;
/// The largest body that needs no place, in bytes. Our own choice: real deliveries have less than 12 KB.
const SMALL: usize = 32 << 10;

/// In each such time a body has to bring a number of bytes. Our own choice.
const PACE: Duration = Duration::from_secs(2);

/// A body that has been read.
#[derive(Debug)]
pub struct ReadBody {
    /// All of it.
    pub bytes: Vec<u8>,
    /// The place of a large body. Held as long as the body is.
    pub place: Option<Place>,
}

/// Why a body was not read.
#[derive(Debug, PartialEq)]
pub enum BodyError {
    /// It is larger than 1 MiB, or the sender ended it early.
    TooLarge,
    /// It did not arrive in time, or too little of it arrived in two seconds.
    TooSlow,
    /// It is large, and no place for it became free in time.
    NoPlace,
}

/// Reads a body of an owner within a time that includes the wait for a place. While it is read, it has to bring `rate` bytes in
/// each two seconds.
///
/// # Errors
///
/// It was not read to its end.
pub async fn read(
    body: Body,
    time: Duration,
    rate: usize,
    places: &FairPlaces,
    owner: &Owner,
) -> Result<ReadBody, BodyError> {
    let deadline = Instant::now() + time;
    let announced = body.size_hint().exact().and_then(|length| usize::try_from(length).ok());
    let mut chunks = body.into_data_stream();
    let mut bytes = Vec::new();
    let mut place = None;
    let mut pace_ends = Instant::now() + PACE;
    let mut brought = 0;
    loop {
        let chunk: Bytes = match timeout_at(deadline.min(pace_ends), chunks.next()).await {
            Ok(Some(Ok(chunk))) => chunk,
            Ok(Some(Err(_))) => return Err(BodyError::TooLarge),
            Ok(None) => return Ok(ReadBody { bytes, place }),
            Err(_) if pace_ends < deadline && brought >= rate => {
                (pace_ends, brought) = (pace_ends + PACE, 0);
                continue;
            }
            Err(_) => return Err(BodyError::TooSlow),
        };
        brought += chunk.len();
        let length = bytes.len() + chunk.len();
        if length > MAXIMUM {
            return Err(BodyError::TooLarge);
        }
        if length > SMALL && place.is_none() {
            let free = places.acquire(owner, deadline).await;
            place = Some(free.map_err(|_| BodyError::NoPlace)?);
            // The sender could not go on meanwhile.
            (pace_ends, brought) = (Instant::now() + PACE, 0);
        }
        // Once, and not by doubling: so no body has more memory than is counted.
        let room = if length > SMALL { MAXIMUM } else { SMALL };
        let room = announced.unwrap_or(room).clamp(length, room);
        bytes.reserve_exact(room - bytes.len());
        // Copied, because a chunk keeps the whole buffer of its connection alive.
        bytes.extend_from_slice(&chunk);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: Duration = Duration::from_secs(10);
    const RATE: usize = 1024;

    /// A body in chunks of 1 KiB, after which nothing comes if it is unfinished.
    fn body(kibibytes: usize, is_finished: bool) -> Body {
        let chunks = futures_util::stream::iter(0..kibibytes);
        let chunks = chunks.map(|_| Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; 1024])));
        if is_finished {
            Body::from_stream(chunks)
        } else {
            Body::from_stream(chunks.chain(futures_util::stream::pending()))
        }
    }

    async fn read_with(places: usize, body: Body) -> Result<usize, BodyError> {
        let places = FairPlaces::new(places, 8);
        read(body, TIME, RATE, &places, &Owner::default()).await.map(|body| body.bytes.len())
    }

    #[tokio::test(start_paused = true)]
    async fn small_body_needs_no_place() {
        assert_eq!(read_with(0, Body::empty()).await, Ok(0));
        assert_eq!(read_with(0, body(32, true)).await, Ok(SMALL));
        assert_eq!(read_with(0, body(33, true)).await, Err(BodyError::NoPlace));
        assert_eq!(read_with(1, body(33, true)).await, Ok(SMALL + 1024));
    }

    #[tokio::test(start_paused = true)]
    async fn body_has_a_size_and_a_time() {
        assert_eq!(read_with(1, body(1024, true)).await, Ok(MAXIMUM));
        assert_eq!(read_with(1, body(1025, true)).await, Err(BodyError::TooLarge));
        let began = Instant::now();
        assert_eq!(read_with(1, trickling(1024, 100)).await, Err(BodyError::TooSlow));
        assert_eq!(began.elapsed().as_secs(), 10);
    }

    /// A body of chunks of so many bytes, one in a second.
    fn trickling(bytes: usize, chunks: usize) -> Body {
        let chunks = futures_util::stream::iter(0..chunks);
        Body::from_stream(chunks.then(move |_| async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; bytes]))
        }))
    }

    #[tokio::test(start_paused = true)]
    async fn trickling_body_is_ended_early() {
        for (bytes, seconds) in [(0, 2), (500, 2), (1024, 10)] {
            let began = Instant::now();
            assert_eq!(read_with(0, trickling(bytes, 100)).await, Err(BodyError::TooSlow));
            assert_eq!(began.elapsed().as_secs(), seconds, "{bytes} bytes a second");
        }
        assert_eq!(read_with(1, body(900, false)).await, Err(BodyError::TooSlow));
        assert_eq!(read_with(0, trickling(1024, 9)).await, Ok(9 << 10));
    }

    #[tokio::test(start_paused = true)]
    async fn place_is_held_with_the_body_and_free_after_it() {
        let places = FairPlaces::new(1, 8);
        let held = read(body(33, true), TIME, RATE, &places, &Owner::default()).await.unwrap();
        assert_eq!(
            read(body(33, true), TIME, RATE, &places, &Owner::default()).await.unwrap_err(),
            BodyError::NoPlace
        );
        assert_eq!(
            read(body(33, false), TIME, RATE, &places, &Owner::default()).await.unwrap_err(),
            BodyError::NoPlace
        );
        drop(held);
        assert_eq!(
            read(body(33, false), TIME, RATE, &places, &Owner::default()).await.unwrap_err(),
            BodyError::TooSlow
        );
        assert!(read(body(33, true), TIME, RATE, &places, &Owner::default()).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn body_uses_no_more_memory_than_is_counted() {
        let places = FairPlaces::new(1, 8);
        for (kibibytes, capacity) in [(1, SMALL), (32, SMALL), (33, MAXIMUM), (1024, MAXIMUM)] {
            let read =
                read(body(kibibytes, true), TIME, RATE, &places, &Owner::default()).await.unwrap();
            assert_eq!(read.bytes.capacity(), capacity);
        }
    }
}
