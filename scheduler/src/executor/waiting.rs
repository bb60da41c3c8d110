//! Standing in line for room.

use super::core::Core;
use super::queue::{Place, Stance};
use crate::latch::{Latch, Watcher};
use crate::pool::registry::{block_until, wait, wait_until};
use crate::pool::worker::Worker;
use crate::sync::{Arc, Instant, yield_now};
use std::task::Waker;
use std::time::Duration;

/// How often an outside thread gives way before it blocks. More: a waiter whose tasks are long uses more
/// CPU time for nothing, some 10 µs at this number; fewer: more waiters block whose turn is about to come.
const LINGER_YIELDS: u32 = 10;

/// How long a blocked thread waits before it looks whether it has been given room without being told, and
/// how long at most when it has looked again and again. It is told when the queue is half empty, so this
/// matters where closures run for long: then it gets in late by as long again as it has waited, and by the
/// latter at most.
const FIRST_LOOK: Duration = Duration::from_millis(1);
const LAST_LOOK: Duration = Duration::from_millis(32);

/// A place in an executor's line. Dropping it gives it up: what was kept for it goes to the next.
pub(super) struct Waiting {
    core: Arc<Core>,
    place: Place,
    used: bool,
}

impl Waiting {
    /// `None`: the executor is shut down.
    pub(super) fn new(core: &Arc<Core>, rooms: usize, stance: Stance) -> Option<Self> {
        let place = core.queue.stand(rooms, stance)?;
        Some(Self { core: Arc::clone(core), place, used: false })
    }

    /// The calling thread's place. A worker waits without a claim, see `queue.rs`.
    pub(super) fn of_thread(core: &Arc<Core>, rooms: usize) -> Option<Self> {
        let stance = if Worker::current().is_some() { Stance::Asks } else { Stance::Looks };
        Self::new(core, rooms, stance)
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
            return self.wait_and_look(deadline);
        }
        match deadline {
            None => {
                wait(self.place.latch());
                true
            }
            Some(deadline) => wait_until(self.place.latch(), deadline),
        }
    }

    /// [`wait`](Self::wait) of a thread that is no worker.
    fn wait_and_look(&self, deadline: Option<Instant>) -> bool {
        let latch = self.place.latch();
        // Where tasks are small, room comes sooner than a blocked thread could be woken.
        for _ in 0..LINGER_YIELDS {
            if latch.is_set() {
                return true;
            }
            yield_now();
        }
        let mut pause = FIRST_LOOK;
        loop {
            let look = Instant::now() + pause;
            let until = deadline.map_or(look, |deadline| deadline.min(look));
            if block_until(latch, until) || self.core.queue.is_given(&self.place) {
                return true;
            }
            if deadline.is_some_and(|deadline| deadline <= until) {
                return false;
            }
            pause = (2 * pause).min(LAST_LOOK);
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
            self.core.queue.give_up(&self.place);
        }
    }
}
