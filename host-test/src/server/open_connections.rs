//! Which connections are open, and which of them has to leave when there is no place for another one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, timeout_at};

use crate::sender::Sender;

/// One sender may hold one of so many parts of the connections. Our own choice: then it takes two of them to fill the
/// door, and a burst of a thousand from one address is still taken.
const PARTS: usize = 2;
/// How long a body is awaited before its connection may be closed for another one. Our own choice: the body of a real
/// delivery comes with its head.
const FAIR_TIME: Duration = Duration::from_secs(1);

/// The open connections of a door.
#[derive(Clone)]
pub struct OpenConnections(Arc<Shared>);

struct Shared {
    most: usize,
    table: Mutex<Table>,
    /// Notified when a connection has ended or become idle.
    freed: Notify,
}

#[derive(Default)]
struct Table {
    next: u64,
    open: HashMap<u64, Open>,
}

struct Open {
    sender: Sender,
    doing: Doing,
    since: Instant,
    /// The connection ends when this is dropped.
    _end: oneshot::Sender<()>,
}

/// What a connection does. Of those that may be closed, the first are closed first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Doing {
    /// It has brought no whole head, and no request is being answered.
    Idle,
    /// The body of its request is awaited.
    Reading,
    /// Its request is being answered.
    Answering,
}

impl Open {
    /// When it may be closed for another one.
    fn closable_at(&self) -> Option<Instant> {
        match self.doing {
            Doing::Idle => Some(self.since),
            Doing::Reading => Some(self.since + FAIR_TIME),
            Doing::Answering => None,
        }
    }
}

/// Whether a new connection may stay.
pub enum Admission {
    /// It may. It has to end when the receiver completes.
    Admitted(Connection, oneshot::Receiver<()>),
    /// Its sender holds its part of the connections, and none of them can be closed.
    Refused,
    /// All places are taken, and no connection can be closed.
    Waits,
}

impl OpenConnections {
    /// At most so many at a time.
    pub fn new(most: usize) -> Self {
        let most = most.max(1);
        Self(Arc::new(Shared { most, table: Mutex::default(), freed: Notify::new() }))
    }

    /// Finds a place for a connection of a sender. If there is none, the one that has been idle longest is closed, or
    /// else the one whose body is awaited longest; if the sender holds its part, one of its own. `is_proxy`: it may hold all of them.
    pub fn admit(&self, sender: Sender, is_proxy: bool) -> Admission {
        let mut table = self.table();
        let is_own = |open: &Open| open.sender == sender;
        let own = table.open.values().filter(|open| is_own(open)).count();
        if !is_proxy && own >= (self.0.most / PARTS).max(1) {
            if !table.close_one(is_own) {
                return Admission::Refused;
            }
        } else if table.open.len() >= self.0.most && !table.close_one(|_| true) {
            return Admission::Waits;
        }
        let (end, ended) = oneshot::channel();
        let number = table.next;
        table.next += 1;
        table
            .open
            .insert(number, Open { sender, doing: Doing::Idle, since: Instant::now(), _end: end });
        drop(table);
        Admission::Admitted(Connection { all: self.clone(), number }, ended)
    }

    /// Closes a connection to get its file. False: none can be closed.
    pub fn close_one(&self) -> bool {
        self.table().close_one(|_| true)
    }

    /// Waits until there may be a place.
    pub async fn freed(&self) {
        let first = self.table().open.values().filter_map(Open::closable_at).min();
        let freed = self.0.freed.notified();
        match first {
            // Whether it was freed or a connection can be closed now: the next one may try again.
            Some(closable) => drop(timeout_at(closable, freed).await),
            None => freed.await,
        }
    }

    /// How many are open.
    pub fn number(&self) -> usize {
        self.table().open.len()
    }

    /// How many may be open.
    pub fn most(&self) -> usize {
        self.0.most
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn close_one(&mut self, is_meant: impl Fn(&Open) -> bool) -> bool {
        let now = Instant::now();
        let closable = self.open.iter().filter(|(_, open)| is_meant(open));
        let closable = closable.filter(|(_, open)| open.closable_at().is_some_and(|at| at <= now));
        let first = closable.map(|(number, open)| (open.doing, open.since, *number)).min();
        first.and_then(|(.., number)| self.open.remove(&number)).is_some()
    }
}

/// An open connection. It leaves the table when it is dropped.
pub struct Connection {
    all: OpenConnections,
    number: u64,
}

impl Connection {
    /// A request has arrived: the connection is not idle until the result is dropped.
    pub fn answering(&self) -> Answering {
        let request = Request { all: self.all.clone(), number: self.number };
        request.does(Doing::Answering);
        Answering(request)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.all.table().open.remove(&self.number);
        self.all.0.freed.notify_one();
    }
}

/// The request of a connection, for its handler.
#[derive(Clone)]
pub struct Request {
    all: OpenConnections,
    number: u64,
}

impl Request {
    /// Its body is awaited until the result is dropped: so long the connection may be closed for another one.
    pub fn reading(&self) -> Reading {
        self.does(Doing::Reading);
        Reading(self.clone())
    }

    fn does(&self, doing: Doing) {
        if let Some(open) = self.all.table().open.get_mut(&self.number) {
            (open.doing, open.since) = (doing, Instant::now());
        }
    }
}

/// A request whose body is awaited.
pub struct Reading(Request);

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.does(Doing::Answering);
    }
}

/// A request that is being answered.
pub struct Answering(Request);

impl Answering {
    /// What its handler is given.
    pub fn request(&self) -> Request {
        self.0.clone()
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.does(Doing::Idle);
        self.0.all.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::advance;

    use super::*;

    type Admitted = (Connection, oneshot::Receiver<()>);

    async fn admit(all: &OpenConnections, sender: u8) -> Option<Admitted> {
        advance(Duration::from_secs(1)).await;
        match all.admit(Sender::from(std::net::IpAddr::from([10, 0, 0, sender])), false) {
            Admission::Admitted(connection, ended) => Some((connection, ended)),
            Admission::Refused | Admission::Waits => None,
        }
    }

    fn is_closed((_, ended): &mut Admitted) -> bool {
        ended.try_recv() == Err(oneshot::error::TryRecvError::Closed)
    }

    #[tokio::test(start_paused = true)]
    async fn connection_that_was_idle_longest_is_closed_first() {
        let all = OpenConnections::new(3);
        let mut first = admit(&all, 1).await.unwrap();
        let mut second = admit(&all, 2).await.unwrap();
        let mut third = admit(&all, 3).await.unwrap();
        // The first has been answered since.
        let answering = first.0.answering();
        advance(Duration::from_secs(1)).await;
        drop(answering);
        let busy = third.0.answering();
        let mut fourth = admit(&all, 4).await.unwrap();
        assert!(is_closed(&mut second) && !is_closed(&mut first));
        let fourth_busy = fourth.0.answering();
        let fifth = admit(&all, 5).await.unwrap();
        assert!(is_closed(&mut first) && !is_closed(&mut third) && !is_closed(&mut fourth));
        // Nobody is idle: the next one waits.
        let fifth_busy = fifth.0.answering();
        assert!(admit(&all, 6).await.is_none());
        drop(busy);
        all.freed().await;
        assert!(admit(&all, 6).await.is_some() && is_closed(&mut third));
        assert_eq!(all.number(), 2);
        drop((fourth_busy, fifth_busy, fourth, fifth));
        assert_eq!(all.number(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn connection_whose_body_is_awaited_is_closed_after_a_fair_time() {
        let all = OpenConnections::new(2);
        let mut first = admit(&all, 1).await.unwrap();
        let mut second = admit(&all, 2).await.unwrap();
        let (answering, busy) = (first.0.answering(), second.0.answering());
        let reading = answering.request().reading();
        let busy_reading = busy.request().reading();
        let third = Sender::from(std::net::IpAddr::from([10, 0, 0, 3]));
        assert!(matches!(all.admit(third, false), Admission::Waits));
        // The second has brought its body.
        drop(busy_reading);
        let began = Instant::now();
        all.freed().await;
        assert_eq!(began.elapsed().as_secs(), FAIR_TIME.as_secs());
        let third = all.admit(third, false);
        assert!(matches!(third, Admission::Admitted(..)) && is_closed(&mut first));
        assert!(!is_closed(&mut second));
        drop((reading, answering, busy));
        assert_eq!(all.number(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn sender_holds_its_part_only() {
        let all = OpenConnections::new(4);
        let mut first = admit(&all, 1).await.unwrap();
        let second = admit(&all, 1).await.unwrap();
        let third = admit(&all, 1).await.unwrap();
        assert!(is_closed(&mut first));
        assert_eq!(all.number(), 2);
        let _busy = (second.0.answering(), third.0.answering());
        let own = Sender::from(std::net::IpAddr::from([10, 0, 0, 1]));
        assert!(matches!(all.admit(own, false), Admission::Refused));
        // A proxy has many senders behind it.
        assert!(matches!(all.admit(own, true), Admission::Admitted(..)));
        assert!(admit(&all, 2).await.is_some());
    }
}
