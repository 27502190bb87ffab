//! Who changes a shared ledger: one at a time, and many changes with one commit, because a commit waits for the disk as
//! long for one change as for a hundred. Each is answered after the commit.
//!
//! A change that comes alone is made on the thread that asks for it: waking another one takes as long as the change does.
//! Where several come at the same time, a thread of its own makes them together.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::{Ledger, LedgerError};

/// How many changes a group has at most. Our own choice: as many as deliveries are processed at the same time.
const LARGEST_GROUP: usize = 64;
/// How long a group takes more changes, so that the first is not kept waiting by the others. Our own choice: a change
/// takes about a tenth of a millisecond.
const LONGEST_GROUP: Duration = Duration::from_millis(20);

/// How long the thread lets changes gather, if the last group had several: a change alone waits only if it is the first
/// after such a group. Our own choice: about as long as a commit takes.
const GATHERING: Duration = Duration::from_micros(300);

/// What is done for somebody.
enum Job {
    /// A change that may be committed with others.
    Grouped(Box<dyn Asked>),
    /// Work that commits by itself.
    Alone(Box<dyn FnOnce(&mut Ledger) + Send>),
}

/// A change that somebody has asked for.
trait Asked: Send {
    /// Makes the change, which is not committed yet. It may be made again, if it was taken back. Returns why it failed.
    fn make(&mut self, ledger: &mut Ledger) -> Option<LedgerError>;

    /// Tells how the commit went.
    fn answer(self: Box<Self>, committed: Result<(), LedgerError>);
}

/// A change with what is to be done with its result.
struct AskedChange<T, W, A> {
    work: W,
    /// None: it was not made, or has panicked.
    made: Option<Result<T, LedgerError>>,
    answer: A,
}

impl<T, W, A> Asked for AskedChange<T, W, A>
where
    T: Send,
    W: FnMut(&mut Ledger) -> Result<T, LedgerError> + Send,
    A: FnOnce(Result<T, LedgerError>) + Send,
{
    fn make(&mut self, ledger: &mut Ledger) -> Option<LedgerError> {
        self.made = None;
        // A panic takes the change back, and ends no other one.
        self.made = catch_unwind(AssertUnwindSafe(|| (self.work)(ledger))).ok();
        self.made.as_ref()?.as_ref().err().cloned()
    }

    fn answer(self: Box<Self>, committed: Result<(), LedgerError>) {
        if let Some(made) = self.made {
            (self.answer)(committed.and(made));
        }
    }
}

/// The one who writes, and those who wait.
pub(super) struct Writer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    /// Whoever writes has taken the turn before.
    ledger: Mutex<Ledger>,
    waiting: Mutex<Waiting>,
    /// Notified when the thread has something to do.
    wake: Condvar,
}

#[derive(Default)]
struct Waiting {
    /// As many as there are callers: each waits for its answer.
    jobs: VecDeque<Job>,
    somebody_writes: bool,
    /// Whether the last group had several changes: then others will come.
    is_busy: bool,
    is_stopped: bool,
}

impl Writer {
    /// Starts the thread.
    pub fn start(ledger: Ledger) -> Result<Self, LedgerError> {
        let shared = Arc::new(Shared {
            ledger: Mutex::new(ledger),
            waiting: Mutex::default(),
            wake: Condvar::new(),
        });
        let own = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(move || own.write_what_waits())
            .map_err(|error| LedgerError::Other(error.to_string()))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Makes a change, perhaps together with others, and answers when it is on the disk: on this thread and before it
    /// returns, if it comes alone. If `work` panics, the change is taken back, and `answer` is dropped.
    pub fn change<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut Ledger) -> Result<T, LedgerError> + Send + 'static,
        answer: impl FnOnce(Result<T, LedgerError>) + Send + 'static,
    ) {
        let asked = Box::new(AskedChange { work, made: None, answer });
        if let Some(turn) = self.shared.turn_at_once() {
            // Another process may write, for which this thread does not wait.
            if let Err(asked) = turn.group(asked, true) {
                turn.shared.waiting().jobs.push_front(Job::Grouped(asked));
            }
        } else {
            self.shared.wait(Job::Grouped(asked));
        }
    }

    /// Does something that commits by itself, or that must have its changes on the disk before it ends.
    pub fn alone<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Ledger) -> T + Send + 'static,
        answer: impl FnOnce(T) + Send + 'static,
    ) {
        self.shared.wait(Job::Alone(Box::new(move |ledger| answer(work(ledger)))));
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.waiting().is_stopped = true;
        self.shared.wake.notify_one();
        if let Some(thread) = self.thread.take()
            // The last owner may be a change.
            && thread.thread().id() != thread::current().id()
        {
            // It has caught every panic.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(&self, job: Job) {
        self.waiting().jobs.push_back(job);
        self.wake.notify_one();
    }

    /// The turn to write, if nobody writes or waits, or is likely to.
    fn turn_at_once(&self) -> Option<Turn<'_>> {
        let mut waiting = self.waiting();
        if waiting.somebody_writes || waiting.is_busy || !waiting.jobs.is_empty() {
            return None;
        }
        waiting.somebody_writes = true;
        Some(Turn { shared: self })
    }

    /// The next job, and the turn to do it. None: there will be no more.
    fn next(&self) -> Option<(Job, Turn<'_>)> {
        let mut waiting = self.waiting();
        loop {
            if !waiting.somebody_writes {
                if let Some(job) = waiting.jobs.pop_front() {
                    waiting.somebody_writes = true;
                    return Some((job, Turn { shared: self }));
                }
                if waiting.is_stopped {
                    return None;
                }
            }
            waiting = self.wake.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The work of the thread.
    fn write_what_waits(&self) {
        while let Some((job, turn)) = self.next() {
            match job {
                Job::Alone(work) => {
                    // A panic takes the change back.
                    let _ = catch_unwind(AssertUnwindSafe(|| work(&mut turn.ledger())));
                }
                Job::Grouped(first) => {
                    if self.waiting().is_busy {
                        thread::sleep(GATHERING);
                    }
                    // It waits for another process itself.
                    let _ = turn.group(first, false);
                }
            }
        }
    }
}

/// The turn to write. It is somebody else's when this is dropped.
struct Turn<'a> {
    shared: &'a Shared,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut waiting = self.shared.waiting();
        waiting.somebody_writes = false;
        if !waiting.jobs.is_empty() || waiting.is_stopped {
            self.shared.wake.notify_one();
        }
    }
}

impl Turn<'_> {
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.shared.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next one that waits, if it may be committed with others.
    fn next_of_group(&self) -> Option<Box<dyn Asked>> {
        let mut waiting = self.shared.waiting();
        match waiting.jobs.pop_front()? {
            Job::Grouped(asked) => Some(asked),
            alone @ Job::Alone(_) => {
                waiting.jobs.push_front(alone);
                None
            }
        }
    }

    /// Makes a change, and those that wait already, and answers them. It is returned if another process writes, and
    /// `at_once`.
    fn group(&self, first: Box<dyn Asked>, at_once: bool) -> Result<(), Box<dyn Asked>> {
        let mut ledger = self.ledger();
        let begun = if at_once { ledger.begin_group_at_once() } else { ledger.begin_group() };
        if at_once && matches!(begun, Err(LedgerError::Locked)) {
            return Err(first);
        }
        let (since, mut asked, mut broken) = (Instant::now(), vec![first], None);
        let make_all = |ledger: &mut Ledger| {
            let mut made = 0;
            while let Some(next) = asked.get_mut(made) {
                let error = next.make(ledger);
                if !ledger.group_stands() {
                    broken = error.filter(|_| ledger.is_ended());
                    return;
                }
                made += 1;
                let is_full = made >= LARGEST_GROUP || since.elapsed() >= LONGEST_GROUP;
                if made == asked.len() && !is_full {
                    asked.extend(self.next_of_group());
                }
            }
        };
        let committed = begun.and_then(|()| ledger.make_group(make_all));
        drop(ledger);
        self.shared.waiting().is_busy = asked.len() > 1;
        // What has broken the group says more than the commit that failed after it.
        let committed = committed.map_err(|error| broken.unwrap_or(error));
        for asked in asked {
            asked.answer(committed.clone());
        }
        Ok(())
    }
}
