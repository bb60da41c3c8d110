//! Standing in line for room.

use super::core::Core;
use super::queue::Place;
use crate::latch::{Latch, Watcher};
use crate::pool::registry::{wait, wait_until};
use crate::pool::worker::Worker;
use crate::sync::{Arc, Instant, yield_now};
use std::task::Waker;

/// How often an outside thread gives way before it blocks. More: a waiter whose tasks are long uses more
/// CPU time for nothing, some 10 µs at this number; fewer: more waiters block whose turn is about to come.
const LINGER_YIELDS: u32 = 10;

/// A place in an executor's line. Dropping it gives it up: what was kept for it goes to the next.
pub(super) struct Waiting {
    core: Arc<Core>,
    place: Place,
    used: bool,
}

impl Waiting {
    /// `None`: the executor is shut down.
    pub(super) fn new(core: &Arc<Core>, rooms: usize, claims: bool) -> Option<Self> {
        let place = core.queue().stand(rooms, claims)?;
        Some(Self { core: Arc::clone(core), place, used: false })
    }

    /// The calling thread's place. A worker waits without a claim, see `queue.rs`.
    pub(super) fn of_thread(core: &Arc<Core>, rooms: usize) -> Option<Self> {
        Self::new(core, rooms, Worker::current().is_none())
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// The place has been pushed with.
    pub(super) fn use_up(mut self) {
        self.used = true;
    }

    /// Waits to be told, as long as the deadline says. False: it has passed.
    pub(super) fn wait(&self, deadline: Option<Instant>) -> bool {
        if Worker::current().is_none() {
            self.linger();
        }
        match deadline {
            None => {
                wait(self.place.latch());
                true
            }
            Some(deadline) => wait_until(self.place.latch(), deadline),
        }
    }

    /// Where tasks are small, room comes sooner than a blocked thread could be woken; and the wake would
    /// cost the worker more than the task.
    fn linger(&self) {
        for _ in 0..LINGER_YIELDS {
            if self.place.latch().is_set() {
                return;
            }
            yield_now();
        }
    }

    /// Has `waker` woken when the place is told, in place of an earlier one. True if it has been.
    pub(super) fn poll(&mut self, waker: &Waker) -> bool {
        let latch = self.place.latch();
        if latch.is_set() {
            return true;
        }
        // SAFETY: the exclusive reference to the place is that to the waiter, and its `Arc` keeps the latch
        // alive.
        let subscribed =
            unsafe { Latch::subscribe(Arc::as_ptr(latch), Watcher::Waker(waker.clone())) };
        subscribed.is_err()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.place.latch().unwatch();
        if !self.used {
            self.core.queue().give_up(&self.place);
        }
    }
}
