//! Which connections are open, and which of them has to leave when there is no place for another one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use crate::sender::Sender;

/// One sender may hold one of so many parts of the connections. Our own choice: then it takes two of them to fill the
/// door, and a burst of a thousand from one address is still taken.
const PARTS: usize = 2;

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
    /// Since when it has brought no whole head, and no request is being answered.
    idle_since: Option<Instant>,
    /// The connection ends when this is dropped.
    _end: oneshot::Sender<()>,
}

/// Whether a new connection may stay.
pub enum Admission {
    /// It may. It has to end when the receiver completes.
    Admitted(Connection, oneshot::Receiver<()>),
    /// Its sender holds its part of the connections, and none of them is idle.
    Refused,
    /// All places are taken, and no connection is idle.
    Waits,
}

impl OpenConnections {
    /// At most so many at a time.
    pub fn new(most: usize) -> Self {
        let most = most.max(1);
        Self(Arc::new(Shared { most, table: Mutex::default(), freed: Notify::new() }))
    }

    /// Finds a place for a connection of a sender. If there is none, the one that has been idle longest is closed;
    /// if the sender holds its part, one of its own. `is_proxy`: it may hold all of them.
    pub fn admit(&self, sender: Sender, is_proxy: bool) -> Admission {
        let mut table = self.table();
        let is_own = |open: &Open| open.sender == sender;
        let own = table.open.values().filter(|open| is_own(open)).count();
        if !is_proxy && own >= (self.0.most / PARTS).max(1) {
            if !table.close_idle(is_own) {
                return Admission::Refused;
            }
        } else if table.open.len() >= self.0.most && !table.close_idle(|_| true) {
            return Admission::Waits;
        }
        let (end, ended) = oneshot::channel();
        let number = table.next;
        table.next += 1;
        table.open.insert(number, Open { sender, idle_since: Some(Instant::now()), _end: end });
        drop(table);
        Admission::Admitted(Connection { all: self.clone(), number }, ended)
    }

    /// Closes the connection that has been idle longest. False: none is idle.
    pub fn close_idle(&self) -> bool {
        self.table().close_idle(|_| true)
    }

    /// Waits until there may be a place.
    pub async fn freed(&self) {
        self.0.freed.notified().await;
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
    fn set_idle_since(&mut self, number: u64, since: Option<Instant>) {
        if let Some(open) = self.open.get_mut(&number) {
            open.idle_since = since;
        }
    }

    fn close_idle(&mut self, is_meant: impl Fn(&Open) -> bool) -> bool {
        let idle = self.open.iter().filter(|(_, open)| is_meant(open));
        let idle = idle.filter_map(|(number, open)| Some((open.idle_since?, *number)));
        let oldest = idle.min().map(|(_, number)| number);
        oldest.and_then(|number| self.open.remove(&number)).is_some()
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
        self.all.table().set_idle_since(self.number, None);
        Answering { all: self.all.clone(), number: self.number }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.all.table().open.remove(&self.number);
        self.all.0.freed.notify_one();
    }
}

/// A request that is being answered.
pub struct Answering {
    all: OpenConnections,
    number: u64,
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.all.table().set_idle_since(self.number, Some(Instant::now()));
        self.all.0.freed.notify_one();
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
