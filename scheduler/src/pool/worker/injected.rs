//! How a worker takes what comes from outside: a job at a time, or several.
//!
//! What it has taken and not begun is its *batch*, a second small head (`queue/head.rs`), in which the oldest
//! job lies where a head has its newest: so the worker takes them in the order of their submission,
//! without a fence, and whoever has nothing takes the others by force. Where that is not possible, since
//! there is no asymmetric barrier, the idle word is never quiet, and there is no batch.

use super::{Role, Worker};
use crate::job::JobRef;
use crate::queue::Steal;
use crate::span;
use crate::sync::asymmetric::light_owner;
use crate::sync::fault::{self, Fault};
use crate::sync::spin_loop;

impl Worker {
    pub(super) fn take_injected(&self) -> Option<JobRef> {
        loop {
            match self.registry.injector().steal() {
                Steal::Success(job) => {
                    self.counters().steals_injected.add(1);
                    span::steals("injector");
                    return Some(job);
                }
                Steal::Empty => return None,
                Steal::Retry => {
                    self.counters().steals_lost.add(1);
                    spin_loop();
                }
            }
        }
    }

    /// In the main loop, after an injected job, the next: a look at the other workers' queues costs as
    /// much as a small task, so it is not taken before each.
    pub(super) fn take_next_injected(&self, role: Role) -> Option<JobRef> {
        if role == Role::Waiting {
            return None;
        }
        if let Some(job) = self.take_batched() {
            return Some(job);
        }
        match self.streak.get() {
            0 => None,
            streak => self.take_some_injected(streak),
        }
    }

    /// The oldest job of the own batch.
    #[inline]
    pub(super) fn take_batched(&self) -> Option<JobRef> {
        self.seated().batch().pop_newest()
    }

    /// The oldest injected job, and with it others for the batch, up to `most` in all: no more than this
    /// worker's share of what waits.
    pub(super) fn take_some_injected(&self, most: u32) -> Option<JobRef> {
        let batch = self.seated().batch();
        let share = |there: u64| {
            let most = if self.word().is_quiet() { batch.room().min(most.into()) } else { 1 };
            (there / self.registry.len() as u64).min(most)
        };
        let mut taken = loop {
            match self.registry.injector().claim(share) {
                Steal::Success(taken) => break taken,
                Steal::Empty => {
                    self.streak.set(0);
                    return None;
                }
                Steal::Retry => {
                    self.counters().steals_lost.add(1);
                    spin_loop();
                }
            }
        };
        let n = taken.len();
        self.counters().steals_injected.add(n as u64);
        self.streak.set(most - n as u32);
        (0..n).for_each(|_| span::steals("injector"));
        if n > 1 {
            // The newest first, since they are taken from that end.
            for index in (1..n).rev() {
                batch.push_at(batch.next_index(), taken.get(index));
            }
            if !fault::is(Fault::BatchNoLight) {
                // As after a push to the head: either the load below sees a worker that is about to sleep,
                // or its forced steal sees the batch.
                light_owner();
            }
            if !self.word().is_quiet() {
                self.registry.sleep().announce();
            }
            // As after a submission.
            self.registry.settle_root();
        }
        Some(taken.get(0))
    }
}
