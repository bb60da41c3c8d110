//! How fast a worker's closures are: only short ones may be taken several at a time, as the next ones of a
//! lease wait for its worker.

use super::core::Slot;
use crate::pool::worker::Worker;
use crate::sync::{Instant, Moment};
use std::time::Duration;

/// So many closures a worker runs one after the other, at most, before it looks at the pool's other work.
pub(super) const RUN_AT_ONCE: usize = 16;

/// If the last entries that were taken together took no longer than this, the next may be more.
/// Longer: closures may begin later by as much as others that came after them; shorter: more locks.
const AT_ONCE: Duration = Duration::from_micros(100);

/// See the module.
pub(super) struct Pace<'a> {
    pub(super) worker: &'a Worker,
    pub(super) slot: &'a Slot,
    /// When those that were taken together last began, if there are any.
    since: Option<Instant>,
    /// When the last of them were taken, if those before were soon done.
    along: Option<Moment>,
}

impl<'a> Pace<'a> {
    pub(super) fn new(worker: &'a Worker, slot: &'a Slot) -> Self {
        Self { worker, slot, since: None, along: None }
    }

    /// How many entries to take now, if so many may still run. No more than the worker will get to: to leave some
    /// means to take the leases of all back.
    pub(super) fn stride(&self, more: usize) -> usize {
        let stride = self.slot.stride.get().max(1) as usize;
        stride.min(more).min(1 + self.worker.goes_on_for())
    }

    /// Some that are taken together begin. A closure alone costs no look at the clock.
    pub(super) fn begin(&mut self) {
        self.since.get_or_insert_with(Instant::now);
        let quick = self.slot.stride.get() > 2;
        self.along = quick.then(Moment::now);
    }

    /// When those began that are taken together, for as long as that is when each of them does: while they are soon done.
    pub(super) fn along(&self) -> Option<Moment> {
        self.along
    }

    /// They have run, or most of them: if that was soon, twice as many are taken the next time.
    pub(super) fn have_run(&mut self) {
        let Some(since) = self.since else { return };
        let now = Instant::now();
        let (soon, before) = (now - since <= AT_ONCE, self.slot.stride.get());
        self.slot.stride.set(if soon { (2 * before).clamp(2, RUN_AT_ONCE as u64) } else { 1 });
        self.since = Some(now);
    }
}
