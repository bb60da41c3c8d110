//! What a [queue](super::queue) has behind its lock; the protocol is there.
//!
//! Most pushes are of one entry among many: there is room that nobody waits for, each worker has its ticket, and
//! nobody is to be told. How many more of those there can be is counted ahead (`quick`) whenever the lock is
//! given back after anything else, so that such a push needs no more than is on the lock's own cache line: what
//! a submitter touches there it takes from another core.

use super::leases::Leased;
use super::line::{Line, Told};
use super::steps::{After, Figures};
use crate::job::cell::Fate;
use crate::sync::brief::Held;
use crate::sync::fault::{self, Fault};
use std::collections::VecDeque;
use std::mem::offset_of;
use std::ops::{Deref, DerefMut};

/// Up to so many the high-water mark is exact; beyond, what is leased is left out of it, as submitters
/// that looked at each lease would take its line from the worker each time.
pub(super) const EXACT: usize = 64;

/// Entries of the type `E`, oldest first, and a reference `K` to the queue's owner.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct State<E, K> {
    /// So many pushes of one entry are quick.
    pub(super) quick: usize,
    /// The number of the next entry: so many have been pushed.
    pub(super) next: u64,
    /// With their numbers, which rise.
    pub(super) entries: VecDeque<(u64, E)>,
    // Up to here it is one line with the lock.
    /// Closures that have ended; if they have run, as far as the queue has been told.
    pub(super) ended: u64,
    /// Closures that have been given back.
    pub(super) given_back: u64,
    pub(super) leased: Leased,
    /// But for what quick pushes have put in since somebody [noted](Self::note) it.
    pub(super) high_water: usize,
    pub(super) tickets: usize,
    /// Closures that have ended without having run.
    pub(super) cancelled: u64,
    /// Roots of the pool that are held.
    pub(super) roots: usize,
    /// Whether the pool closes, so that each closure is a root.
    pub(super) each_is_root: bool,
    /// Of the closure whose root stays for a ticket.
    pub(super) fate: Fate,
    /// While there are closures that have not been given back.
    pub(super) keeper: Option<K>,
    pub(super) line: Line,
    pub(super) closed: bool,
    /// Whether somebody has been told that it is closed and nothing is inside.
    pub(super) end_is_told: bool,
}

/// With the lock before it: what a quick push needs is on one line.
const _: () = assert!(offset_of!(State<u64, usize>, ended) + size_of::<usize>() <= 64);

/// The state, locked, for more than a quick push.
pub(crate) struct Locked<'a, E, K> {
    state: Held<'a, State<E, K>>,
    capacity: usize,
    /// There are no more tickets than these.
    workers: usize,
}

impl<'a, E, K> Locked<'a, E, K> {
    #[inline]
    pub(super) fn new(mut state: Held<'a, State<E, K>>, capacity: usize, workers: usize) -> Self {
        state.note();
        Self { state, capacity, workers }
    }
}

impl<E, K> Deref for Locked<'_, E, K> {
    type Target = State<E, K>;

    fn deref(&self) -> &State<E, K> {
        &self.state
    }
}

impl<E, K> DerefMut for Locked<'_, E, K> {
    fn deref_mut(&mut self) -> &mut State<E, K> {
        &mut self.state
    }
}

impl<E, K> Drop for Locked<'_, E, K> {
    #[inline]
    fn drop(&mut self) {
        self.state.quick = self.state.quick_pushes(self.capacity, self.workers);
    }
}

impl<E, K> State<E, K> {
    pub(super) fn new(workers: usize) -> Self {
        Self {
            quick: 0,
            next: 0,
            entries: VecDeque::new(),
            ended: 0,
            given_back: 0,
            leased: Leased::new(workers),
            high_water: 0,
            tickets: 0,
            cancelled: 0,
            roots: 0,
            each_is_root: false,
            fate: Fate::Ran,
            keeper: None,
            line: Line::default(),
            closed: false,
            end_is_told: false,
        }
    }

    /// Entries that have not been begun, at most.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.entries.len() + self.leased.at_most()
    }

    /// Closures that have not ended, or have run and the queue has not been told.
    #[inline]
    pub(super) fn inside(&self) -> usize {
        (self.next - self.ended) as usize
    }

    /// How many entries more would be that alone: what is kept counts as taken, and what is leased as not begun.
    #[inline]
    fn quick_pushes(&self, capacity: usize, workers: usize) -> usize {
        let is_busy = self.tickets == workers
            && self.keeper.is_some()
            && self.line.is_empty()
            && !(self.closed || self.each_is_root);
        if !is_busy {
            return 0;
        }
        // A new mark is looked at as long as it is to be exact.
        let known = if self.high_water < EXACT { self.high_water } else { usize::MAX };
        self.free(capacity).min(known.saturating_sub(self.len()))
    }

    /// Puts one entry in. There is a keeper, or will be.
    #[inline]
    pub(super) fn put(&mut self, make: impl FnOnce(u64) -> E) {
        let entry = make(self.next);
        self.entries.push_back((self.next, entry));
        self.next += 1;
        if fault::is(Fault::AdmitKeptUncounted) && self.keeper.is_some() {
            self.given_back += 1;
        }
    }

    /// Learns how high quick pushes have raised the mark.
    #[inline]
    pub(super) fn note(&mut self) {
        if self.high_water >= EXACT {
            self.high_water = self.high_water.max(self.entries.len());
        }
    }

    pub(super) fn figures(&self) -> Figures {
        Figures {
            len: self.len(),
            high_water: self.high_water,
            pushed: self.next,
            inside: self.inside(),
            cancelled: self.cancelled,
            closed: self.closed,
        }
    }

    #[inline]
    pub(super) fn free(&self, capacity: usize) -> usize {
        capacity - self.len() - self.line.granted()
    }

    /// For somebody who has not stood in line.
    #[inline]
    pub(super) fn has_room(&self, capacity: usize, rooms: usize) -> bool {
        rooms <= self.free(capacity) && !self.line.has_claims()
    }

    /// Gives the room that there is to those in line. `calm`: who looks need not be told yet, unless the
    /// queue is half empty.
    #[inline]
    pub(super) fn give(&mut self, capacity: usize, calm: bool) -> Told {
        if self.line.is_quiet() {
            return Told::default();
        }
        let free = self.free(capacity);
        self.line.give(free, calm && self.len() > capacity / 2)
    }

    pub(super) fn has_run(&mut self, closures: usize) -> After<K> {
        self.ended += closures as u64;
        let keeper = if closures == 0 { None } else { self.give_back(closures) };
        let fate = if closures == 0 { self.fate } else { Fate::Ran };
        After { keeper, ..self.after(fate) }
    }

    pub(super) fn give_back(&mut self, closures: usize) -> Option<K> {
        self.given_back += closures as u64;
        debug_assert!(self.given_back <= self.next, "each is given back once");
        if self.given_back != self.next || fault::is(Fault::AdmitKeepsOwner) {
            None
        } else {
            self.keeper.take()
        }
    }

    /// After a closure has ended so, or a ticket.
    #[inline]
    pub(super) fn after(&mut self, fate: Fate) -> After<K> {
        self.fate = fate;
        let keeps = if fault::is(Fault::AdmitOwesNothing) { 0 } else { self.tickets };
        let inside = self.inside();
        let needed = match self.each_is_root {
            true => inside.max(keeps.min(1)),
            false => (inside + keeps).min(1),
        };
        let roots = self.roots.saturating_sub(needed);
        self.roots -= roots;
        let ended = self.closed && inside == 0 && !self.end_is_told;
        self.end_is_told |= ended;
        After { told: Told::default(), roots, fate, ended, keeper: None }
    }
}
