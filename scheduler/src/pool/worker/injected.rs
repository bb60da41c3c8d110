//! How a worker takes what comes from outside: a job at a time, or several.
//!
//! What it has taken and not begun is its *batch*, a second small head (`queue/head.rs`), in which the oldest
//! job lies where a head has its newest: so the worker takes them in the order of their submission,
//! without a fence, and whoever has nothing takes the others by force. Where that is not possible, since
//! there is no asymmetric barrier, the idle word is never quiet, and there is no batch.
//!
//! Its first job may take long, and the others may never be idle. So a worker takes several only while what it
//! took together before was done soon, and looks now and then whether another's batch stands still: it takes
//! from that as if it were idle.

use super::{Role, Worker};
use crate::job::JobRef;
use crate::queue::Steal;
use crate::span;
use crate::sync::asymmetric::{heavy, light_owner};
use crate::sync::fault::{self, Fault};
use crate::sync::{Instant, Moment, spin_loop};
use std::cell::Cell;
use std::time::Duration;

/// If what was taken together took no longer than this, the next may be several, too. Longer: jobs that have
/// been taken along may wait for longer; shorter: more visits to the queue.
const AT_ONCE: Duration = Duration::from_micros(100);

/// What a worker knows of batches, its own and others'.
#[derive(Debug)]
pub(super) struct Batches {
    /// When the last jobs were taken, if that is to be known.
    taken_at: Cell<Option<Instant>>,
    /// Whether they took long.
    slow: Cell<bool>,
    /// Whether it is known that they did not.
    quick: Cell<bool>,
    /// When those in the batch were taken, if it was quick before: then that is when each of them begins, and nobody
    /// looks at the clock for it.
    along: Cell<Option<Moment>>,
    /// Whose batch was looked at last, and the index that its owner would go on at.
    seen: Cell<(usize, u64)>,
}

impl Batches {
    pub(super) fn new() -> Self {
        Self {
            taken_at: Cell::new(None),
            slow: Cell::new(false),
            quick: Cell::new(false),
            along: Cell::new(None),
            seen: Cell::new((0, 0)),
        }
    }

    /// The worker comes for more. Whether what it took before took long.
    fn come_back(&self) -> bool {
        let soon = self.taken_at.take().map(|taken_at| Instant::now() - taken_at <= AT_ONCE);
        if let Some(soon) = soon {
            self.slow.set(!soon);
        }
        self.quick.set(soon == Some(true));
        self.slow.get()
    }

    /// It has taken `n`. The clock costs as much as a small job: it is read for several, or if jobs take long.
    fn take(&self, n: usize) {
        if n > 1 || self.slow.get() {
            self.taken_at.set(Some(Instant::now()));
        }
        self.along.set((n > 1 && self.quick.get()).then(Moment::now));
    }
}

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
    pub(crate) fn take_batched(&self) -> Option<JobRef> {
        let job = self.seated().batch().pop_newest()?;
        self.takes_along(self.batches.along.get());
        Some(job)
    }

    /// The oldest injected job, and with it others for the batch, up to `most` in all: no more than this
    /// worker's share of what waits.
    pub(super) fn take_some_injected(&self, most: u32) -> Option<JobRef> {
        let slow = self.batches.come_back();
        if slow && let Some(job) = self.take_stranded() {
            return Some(job);
        }
        let batch = self.seated().batch();
        // One, if the jobs that are taken along would have to be looked for again.
        let one = slow || !self.word().is_quiet() || self.registry.lifecycle().is_cancelling();
        let share = |there: u64| match there / self.registry.len() as u64 {
            share if one || share <= 1 => 1,
            share => share.min(batch.room()).min(most.into()),
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
        self.batches.take(n);
        self.counters().steals_injected.add(n as u64);
        self.streak.set(most - n as u32);
        (0..n).for_each(|_| span::steals("injector"));
        if n == 1 {
            return Some(taken.get(0));
        }
        self.takes_along(self.batches.along.get());
        // The newest first, since they are taken from that end.
        for index in (1..n).rev() {
            batch.push_at(batch.next_index(), taken.get(index));
        }
        if !fault::is(Fault::BatchNoLight) {
            // As after a push to the head: either the load below sees a worker that is about to sleep,
            // or its forced steal sees the batch. As after a submission as well: either the look at the
            // lifecycle sees that the pool is cancelled, or who cancels sees the batch.
            light_owner();
        }
        if !self.word().is_quiet() {
            self.registry.sleep().announce();
        }
        if self.registry.lifecycle().is_cancelling() {
            // With the first as well: a closure that is dropped may wait for the end of any other.
            batch.push_at(batch.next_index(), taken.get(0));
            drop(taken);
            self.registry.settle_root();
            return self.take_batched();
        }
        Some(taken.get(0))
    }

    /// A job that another worker has taken along, and has not begun since this worker looked before: it may be
    /// stuck in what it runs, and all others be too busy to become idle.
    pub(crate) fn take_stranded(&self) -> Option<JobRef> {
        let workers = self.registry.len();
        let (mut victim, seen) = self.batches.seen.get();
        let batch = self.registry.batch(victim);
        let next = batch.next_index_for_thief();
        if victim != self.index && next == seen && batch.len_for_thief() != 0 {
            let top = batch.top();
            // As before any forced steal, see `queue/head.rs`.
            heavy();
            return match batch.force(top) {
                Steal::Success(job) => Some(self.forced_of_batch(job, victim)),
                Steal::Empty | Steal::Retry => None,
            };
        }
        // On to the next that has any.
        for _ in 0..workers {
            victim = (victim + 1) % workers;
            let batch = self.registry.batch(victim);
            if victim != self.index && batch.len_for_thief() != 0 {
                self.batches.seen.set((victim, batch.next_index_for_thief()));
                break;
            }
        }
        None
    }
}

#[cfg(all(test, not(any(scheduler_loom, scheduler_shuttle))))]
mod tests {
    use super::super::Worker;
    use super::{AT_ONCE, Batches};
    use crate::latch::Latch;
    use crate::pool::ThreadPool;
    use crate::sync::{Arc, Instant, Moment};
    use std::time::Duration;

    #[test]
    fn after_a_slow_batch_each_job_is_timed_until_one_is_fast() {
        let batches = Batches::new();
        batches.take(1);
        assert!(batches.taken_at.get().is_none(), "the clock is not read for a single job");
        assert!(!batches.come_back());
        batches.take(2);
        assert!(batches.taken_at.get().is_some());
        assert!(batches.along.get().is_none(), "how fast they are is not known");

        batches.taken_at.set(Some(Instant::now() - 2 * AT_ONCE));
        assert!(batches.come_back());
        batches.take(1);
        assert!(batches.taken_at.get().is_some());
        // As of a job that took no time at all.
        batches.taken_at.set(Some(Instant::now() + AT_ONCE));
        assert!(!batches.come_back());
        batches.take(2);
        assert!(batches.along.get().is_some(), "what came before was fast");
        batches.taken_at.set(Some(Instant::now() - 2 * AT_ONCE));
        batches.come_back();
        batches.take(2);
        assert!(batches.along.get().is_none(), "what came before was slow");
    }

    /// The worker that calls.
    fn this<'a>() -> &'a Worker {
        Worker::current().expect("it runs on a worker")
    }

    /// How long the calling job has been running, as a report would say.
    fn running_for() -> Duration {
        let worker = this();
        let mut sites = worker.registry().slot(worker.index()).running().sites();
        sites.next().expect("it runs").1
    }

    /// Since about its own begin, and not longer than since `moment`, which may be the last tick.
    fn runs_since(began: Instant, moment: Moment) {
        let least = Instant::now() - began;
        let told = running_for();
        assert!(told >= least, "{told:?} is less than {least:?}");
        let most = moment.elapsed();
        assert!(told <= most, "{told:?} is more than {most:?}");
    }

    /// A pool of one worker, which is stuck until the latch is set. What comes next it takes as after quick jobs.
    fn stuck() -> (ThreadPool, Arc<Latch>) {
        let pool = ThreadPool::builder().num_threads(1).build().expect("no error");
        let [begun, freed] = [(); 2].map(|()| Arc::new(Latch::new()));
        let (begins, awaited) = (Arc::clone(&begun), Arc::clone(&freed));
        let stuck = move || {
            Latch::set_shared(&begins);
            awaited.wait();
            // As of jobs that took no time at all, however long it is until the worker comes back.
            this().batches.taken_at.set(Some(Instant::now() + Duration::from_secs(3600)));
        };
        drop(pool.spawn(stuck));
        begun.wait();
        (pool, freed)
    }

    #[test]
    fn a_job_late_in_a_quick_batch_runs_since_the_batch_was_taken() {
        let (pool, freed) = stuck();
        let before = Moment::now();
        let job = move || {
            let began = Instant::now();
            runs_since(began, before);
            let along = this().batches.along.get();
            if let Some(along) = along {
                runs_since(began, along);
            }
            along
        };
        let jobs: Vec<_> = (0..8).map(|_| pool.spawn(job)).collect();
        Latch::set_shared(&freed);
        let taken: Vec<_> = jobs.into_iter().map(|job| job.join().unwrap()).collect();
        // Without an asymmetric barrier each is taken by itself.
        let by_itself = pool.registry().sleep().word().peek().eager();
        assert!(taken.iter().any(Option::is_some) != by_itself, "{taken:?}");
    }

    #[test]
    fn what_is_dropped_unrun_leaves_the_time_of_its_batch_to_nobody() {
        let (pool, freed) = stuck();
        let [begun, go] = [(); 2].map(|()| Arc::new(Latch::new()));
        let (begins, awaited) = (Arc::clone(&begun), Arc::clone(&go));
        let first = pool.spawn(move || {
            // As if the batch had been taken when the system started.
            this().batches.along.set(Some(Moment::from_bits(1)));
            Latch::set_shared(&begins);
            awaited.wait();
        });
        let unrun = pool.spawn(|| unreachable!("it is aborted"));
        unrun.abort();
        Latch::set_shared(&freed);
        begun.wait();
        // Both have been taken, so this one comes alone.
        let before = Moment::now();
        let last = pool.spawn(move || runs_since(Instant::now(), before));
        Latch::set_shared(&go);
        assert!(first.join().is_ok() && last.join().is_ok());
    }
}
