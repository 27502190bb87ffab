//! The one thread that changes a shared ledger. It commits many changes at once, because a commit waits for the disk
//! as long for one change as for a hundred, and answers each after the commit.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::{Ledger, LedgerError};

/// How many changes a group has at most. Our own choice: as many as deliveries are processed at the same time.
const LARGEST_GROUP: usize = 64;
/// How long a group takes more changes, so that the first is not kept waiting by the others. Our own choice: a change
/// takes about a tenth of a millisecond.
const LONGEST_GROUP: Duration = Duration::from_millis(20);

/// What the thread does for somebody.
enum Job {
    /// A change that may be committed with others.
    Grouped(Box<dyn FnOnce(&mut Ledger) -> Made + Send>),
    /// Work that commits by itself.
    Alone(Box<dyn FnOnce(&mut Ledger) + Send>),
}

/// A change that is not committed yet.
struct Made {
    /// Why it failed.
    error: Option<LedgerError>,
    /// Told how the commit went.
    answer: Box<dyn FnOnce(Result<(), LedgerError>) + Send>,
}

/// The thread.
pub(super) struct Writer {
    /// None: it is being stopped. As many wait as there are callers: each waits for its answer.
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread.
    pub fn start(ledger: Ledger) -> Result<Self, LedgerError> {
        let (jobs, received) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(move || run(ledger, &received))
            .map_err(|error| LedgerError::Other(error.to_string()))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Makes a change, perhaps together with others, and answers when it is on the disk. If `work` panics, the change
    /// is taken back, and `answer` is dropped.
    pub fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Ledger) -> Result<T, LedgerError> + Send + 'static,
        answer: impl FnOnce(Result<T, LedgerError>) + Send + 'static,
    ) {
        self.send(Job::Grouped(Box::new(move |ledger| {
            let made = work(ledger);
            Made {
                error: made.as_ref().err().cloned(),
                answer: Box::new(move |committed| answer(committed.and(made))),
            }
        })));
    }

    /// Does something that commits by itself, or that must have its changes on the disk before it ends.
    pub fn alone<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Ledger) -> T + Send + 'static,
        answer: impl FnOnce(T) + Send + 'static,
    ) {
        self.send(Job::Alone(Box::new(move |ledger| answer(work(ledger)))));
    }

    fn send(&self, job: Job) {
        if let Some(jobs) = &self.jobs {
            // The thread ends only after this sender is dropped.
            let _ = jobs.send(job);
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            // The last owner may be a change.
            && thread.thread().id() != thread::current().id()
        {
            // It has caught every panic.
            let _ = thread.join();
        }
    }
}

fn run(mut ledger: Ledger, jobs: &Receiver<Job>) {
    let mut next = jobs.recv().ok();
    while let Some(job) = next.take() {
        match job {
            Job::Alone(work) => {
                // A panic takes the change back.
                let _ = catch_unwind(AssertUnwindSafe(|| work(&mut ledger)));
            }
            Job::Grouped(first) => next = group(&mut ledger, first, jobs),
        }
        next = next.or_else(|| jobs.recv().ok());
    }
}

/// Makes a change, and those that wait already, and answers them. Returns a job that came and is not one of them.
fn group(
    ledger: &mut Ledger,
    first: Box<dyn FnOnce(&mut Ledger) -> Made + Send>,
    jobs: &Receiver<Job>,
) -> Option<Job> {
    let begun = Instant::now();
    let (mut made, mut broken, mut other) = (Vec::new(), None, None);
    let committed = ledger.group(|ledger| {
        let mut next = Some(first);
        while let Some(work) = next.take() {
            // A panic takes the change back, and ends no other one.
            if let Ok(done) = catch_unwind(AssertUnwindSafe(|| work(ledger))) {
                if !ledger.group_stands() {
                    broken.clone_from(&done.error);
                }
                made.push(done);
            }
            if !ledger.group_stands()
                || made.len() >= LARGEST_GROUP
                || begun.elapsed() >= LONGEST_GROUP
            {
                break;
            }
            match jobs.try_recv() {
                Ok(Job::Grouped(work)) => next = Some(work),
                Ok(alone) => other = Some(alone),
                Err(_) => {}
            }
        }
    });
    // What has broken the group says more than the commit that failed after it.
    let committed = committed.map_err(|error| broken.unwrap_or(error));
    for done in made {
        (done.answer)(committed.clone());
    }
    other
}
