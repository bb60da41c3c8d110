//! Who stands in line for room in a [queue](super::queue), under its lock; the protocol is there.

use crate::latch::Latch;
use crate::sync::Arc;
use crate::sync::fault::{self, Fault};
use std::collections::VecDeque;
use std::mem;

/// Who waits for room, and the room that is kept for those who have.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// Room that is kept.
    granted: usize,
    /// With their numbers, which rise.
    waiters: VecDeque<(u64, Waiter)>,
    untold: Vec<Arc<Latch>>,
    next: u64,
}

/// Who stands in line.
#[derive(Debug)]
struct Waiter {
    rooms: usize,
    stance: Stance,
    told: Arc<Latch>,
}

/// How somebody stands in line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stance {
    /// Without a claim.
    Asks,
    /// With a claim.
    Claims,
    /// With a claim, and looks now and then.
    Looks,
}

/// A place in line, or what it has been given. [Pushed with](super::queue::Queue::push), or [given
/// up](super::queue::Queue::give_up).
#[derive(Debug)]
#[must_use]
pub(crate) struct Place {
    number: u64,
    rooms: usize,
    stance: Stance,
    told: Arc<Latch>,
}

impl Place {
    /// Set when the place is told, or the queue is closed.
    pub(crate) fn latch(&self) -> &Arc<Latch> {
        &self.told
    }

    /// Whether what it has been given is kept for it.
    pub(super) fn has_claim(&self) -> bool {
        self.stance != Stance::Asks
    }
}

/// Those who are to be told: done when it is dropped, which must be without the lock.
#[derive(Debug, Default)]
#[must_use]
pub(crate) struct Told(Vec<Arc<Latch>>);

impl Drop for Told {
    #[inline]
    fn drop(&mut self) {
        if self.0.is_empty() {
            return;
        }
        for latch in self.0.drain(..) {
            // SAFETY: the `Arc` keeps the latch alive during the call.
            unsafe { Latch::set(&raw const *latch) };
        }
    }
}

impl Line {
    #[inline]
    pub(super) fn granted(&self) -> usize {
        self.granted
    }

    /// Whether nobody stands in it.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.waiters.is_empty()
    }

    /// Whether nobody stands in it, or is to be told later.
    #[inline]
    pub(super) fn is_quiet(&self) -> bool {
        self.waiters.is_empty() && self.untold.is_empty()
    }

    /// Whether anybody in it may not be overtaken. Those without a claim are no more than the workers.
    #[inline]
    pub(super) fn has_claims(&self) -> bool {
        !self.is_empty() && self.waiters.iter().any(|(_, waiter)| waiter.stance != Stance::Asks)
    }

    /// Somebody comes, to the end.
    pub(super) fn join(&mut self, rooms: usize, stance: Stance) -> Place {
        let told = Arc::new(Latch::new());
        let number = self.next;
        self.next += 1;
        self.waiters.push_back((number, Waiter { rooms, stance, told: Arc::clone(&told) }));
        Place { number, rooms, stance, told }
    }

    fn find(&self, place: &Place) -> Result<usize, usize> {
        self.waiters.binary_search_by_key(&place.number, |(number, _)| *number)
    }

    /// Whether that place has been given room, or the line has been closed.
    pub(super) fn has_left(&self, place: &Place) -> bool {
        self.find(place).is_err()
    }

    /// Somebody leaves, who may have been given room.
    pub(super) fn leave(&mut self, place: &Place, closed: bool) {
        match self.find(place) {
            Ok(index) => _ = self.waiters.remove(index),
            Err(_) if place.has_claim() && !closed => self.granted -= place.rooms,
            Err(_) => {}
        }
    }

    /// What was kept for a place is used.
    pub(super) fn use_up(&mut self, rooms: usize) {
        self.granted -= rooms;
    }

    /// Gives the room that there is to those in line, who are to be told. `calm`: who looks need not be told
    /// yet.
    #[cold]
    pub(super) fn give(&mut self, mut free: usize, calm: bool) -> Told {
        let mut told = Vec::new();
        while let Some((_, first)) = self.waiters.front()
            && first.rooms <= free
        {
            if first.stance != Stance::Asks {
                self.granted += first.rooms;
                free -= first.rooms;
            }
            let wait = calm && first.stance == Stance::Looks;
            let list = if wait { &mut self.untold } else { &mut told };
            list.extend(self.waiters.pop_front().map(|(_, first)| first.told));
        }
        if !calm && !fault::is(Fault::AdmitUntoldForgotten) {
            told.append(&mut self.untold);
        }
        Told(told)
    }

    /// That place need not be told later. To be told now, if it was to be.
    pub(super) fn take_untold(&mut self, place: &Place) -> Told {
        let is_it = |latch: &Arc<Latch>| Arc::as_ptr(latch) == Arc::as_ptr(&place.told);
        let index = self.untold.iter().position(is_it);
        Told(index.map(|index| self.untold.swap_remove(index)).into_iter().collect())
    }

    /// All who stand in it, or were to be told later.
    pub(super) fn close(&mut self) -> Told {
        let mut told = mem::take(&mut self.untold);
        told.extend(self.waiters.drain(..).map(|(_, waiter)| waiter.told));
        Told(told)
    }
}

impl Told {
    /// These as well.
    pub(super) fn add(&mut self, mut others: Self) {
        self.0.append(&mut others.0);
    }
}
