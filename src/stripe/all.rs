//! Several calls at once.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

/// A call, and its answer once it has come.
struct Call<F: Future> {
    future: Pin<Box<F>>,
    answer: Option<F::Output>,
}

/// Waits for all of them, and gives their answers in the same order.
pub async fn all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let call = |future| Call { future: Box::pin(future), answer: None };
    let mut calls: Vec<Call<F>> = futures.map(call).collect();
    poll_fn(|context| {
        let mut is_done = true;
        for call in calls.iter_mut().filter(|call| call.answer.is_none()) {
            match call.future.as_mut().poll(context) {
                Poll::Ready(answer) => call.answer = Some(answer),
                Poll::Pending => is_done = false,
            }
        }
        if is_done { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    calls.into_iter().filter_map(|call| call.answer).collect()
}
