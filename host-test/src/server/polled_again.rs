//! A connection that wakes its own task while it is polled.
//!
//! hyper wakes the sender of a body when a part of it is taken. Here both are the same task, which runs at that moment:
//! tokio then puts it at the end of its queue and wakes another thread to take it from there, for every delivery.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::task::AtomicWaker;

/// How often a future is polled in a row at most, so that it cannot keep its thread. Our own choice: a delivery needs
/// two.
const MOST: usize = 4;

/// A future that is polled again at once if it was woken while it was polled.
pub struct PolledAgain<F> {
    future: F,
    wakes: Arc<Wakes>,
    /// Of `wakes`.
    waker: Waker,
}

impl<F> PolledAgain<F> {
    pub fn new(future: F) -> Self {
        let wakes = Arc::<Wakes>::default();
        Self { future, waker: Waker::from(Arc::clone(&wakes)), wakes }
    }
}

impl<F: Future + Unpin> Future for PolledAgain<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Self { future, wakes, waker } = self.get_mut();
        wakes.task.register(context.waker());
        for _ in 0..MOST {
            wakes.are_ours.store(true, Ordering::SeqCst);
            wakes.has_woken.swap(false, Ordering::SeqCst);
            let polled = Pin::new(&mut *future).poll(&mut Context::from_waker(waker));
            wakes.are_ours.store(false, Ordering::SeqCst);
            if polled.is_ready() || !wakes.has_woken.load(Ordering::SeqCst) {
                return polled;
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

/// The wakes of a future.
#[derive(Default)]
struct Wakes {
    task: AtomicWaker,
    /// Whether it is being polled: then it is polled again, and its task need not know.
    are_ours: AtomicBool,
    has_woken: AtomicBool,
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // In this order, and read above in the other one: a wake while the poll ends is seen by one of the two.
        self.has_woken.store(true, Ordering::SeqCst);
        if !self.are_ours.load(Ordering::SeqCst) {
            self.task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::atomic::AtomicUsize;

    use super::*;

    /// Counts how often the task is woken.
    #[derive(Default)]
    struct Task(AtomicUsize);

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Polls a future once that wakes itself at its first polls. Returns whether it is ready, how often it was polled,
    /// and how often its task was woken.
    fn polled(wakes_itself: usize, is_ready_then: bool) -> (bool, usize, usize) {
        let (task, mut polls) = (Arc::<Task>::default(), 0);
        let future = poll_fn(|context| {
            polls += 1;
            if polls <= wakes_itself {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            if is_ready_then { Poll::Ready(()) } else { Poll::Pending }
        });
        let mut future = PolledAgain::new(future);
        let waker = Waker::from(Arc::clone(&task));
        let is_ready = Pin::new(&mut future).poll(&mut Context::from_waker(&waker)).is_ready();
        drop(future);
        (is_ready, polls, task.0.load(Ordering::SeqCst))
    }

    #[test]
    fn future_that_wakes_itself_is_polled_again_at_once() {
        assert_eq!(polled(0, false), (false, 1, 0));
        assert_eq!(polled(0, true), (true, 1, 0));
        assert_eq!(polled(1, false), (false, 2, 0));
        assert_eq!(polled(1, true), (true, 2, 0));
    }

    #[test]
    fn future_that_always_wakes_itself_leaves_its_thread() {
        assert_eq!(polled(usize::MAX, true), (false, MOST, 1));
    }

    #[test]
    fn wake_from_elsewhere_reaches_the_task() {
        let (task, mut kept) = (Arc::<Task>::default(), None);
        let mut future = PolledAgain::new(poll_fn(|context| {
            kept = Some(context.waker().clone());
            Poll::<()>::Pending
        }));
        let waker = Waker::from(Arc::clone(&task));
        assert!(Pin::new(&mut future).poll(&mut Context::from_waker(&waker)).is_pending());
        drop(future);
        kept.unwrap().wake();
        assert_eq!(task.0.load(Ordering::SeqCst), 1);
    }
}
