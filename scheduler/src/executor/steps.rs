//! What a step of a [queue](super::queue) has come to, and what is to be done for it without the lock.

use super::line::Told;
use crate::job::cell::Fate;

/// What [`Queue::push`](super::queue::Queue::push) did.
#[derive(Debug)]
#[must_use]
pub(crate) enum Pushed<E> {
    /// All are in.
    In {
        /// So many tickets are to be put into the pool.
        tickets: usize,
        /// What had to leave for them, oldest first.
        displaced: Vec<E>,
    },
    /// There was no room.
    Full {
        /// So many entries were in the queue.
        len: usize,
    },
    /// The queue is closed.
    Closed,
}

/// What is to be done without the lock.
#[derive(Debug)]
#[must_use]
pub(crate) struct After<K> {
    pub(crate) told: Told,
    /// So many roots are to be counted out.
    pub(crate) roots: usize,
    pub(crate) fate: Fate,
    /// The queue is closed, and its last closure has ended.
    pub(crate) ended: bool,
    /// To be dropped, if it comes.
    pub(crate) keeper: Option<K>,
}

/// What a ticket found.
#[derive(Debug)]
#[must_use]
pub(crate) struct Redeemed<E, K> {
    pub(crate) entry: Option<E>,
    /// The ticket is to be put back, before the entry runs.
    pub(crate) again: bool,
    /// So many more have been leased.
    pub(crate) leased: usize,
    pub(crate) after: After<K>,
}

/// What a worker found that goes on after an entry.
#[derive(Debug)]
#[must_use]
pub(crate) struct Next<E, K> {
    /// `None`: what is left is for the tickets.
    pub(crate) entry: Option<E>,
    /// So many more have been leased.
    pub(crate) leased: usize,
    pub(crate) after: After<K>,
}

/// Figures of a moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    pub(crate) len: usize,
    pub(crate) high_water: usize,
    pub(crate) pushed: u64,
    pub(crate) inside: usize,
    pub(crate) cancelled: u64,
    pub(crate) closed: bool,
}

impl Figures {
    /// So many of those inside have run.
    pub(super) fn without(self, untold: usize) -> Self {
        Self { inside: self.inside.saturating_sub(untold), ..self }
    }
}
