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

#[cfg(all(test, not(any(scheduler_loom, scheduler_shuttle))))]
mod tests {
    use super::{AT_ONCE, Pace, RUN_AT_ONCE};
    use crate::executor::Executor;
    use crate::executor::core::Slot;
    use crate::pool::ThreadPool;
    use crate::pool::worker::Worker;
    use crate::sync::{Arc, Instant, Moment, Mutex, yield_now};
    use std::sync::mpsc;

    fn pool() -> ThreadPool {
        ThreadPool::builder().num_threads(1).build().expect("no error")
    }

    /// The worker that calls.
    fn this<'a>() -> &'a Worker {
        Worker::current().expect("it runs on a worker")
    }

    #[test]
    fn what_is_taken_together_begins_at_once_after_quick_ones_only() {
        pool().install(|| {
            let slot = Slot::default();
            let mut pace = Pace::new(this(), &slot);
            let begins = |pace: &mut Pace<'_>| {
                let before = Moment::now().to_bits();
                pace.begin();
                let along = pace.along().map(Moment::to_bits);
                assert!(along.is_none_or(|along| along >= before), "not before they were taken");
                along.is_some()
            };
            assert!(!begins(&mut pace), "how fast they are is not known");
            // As of closures that took no time at all.
            let quick = || Some(Instant::now() + AT_ONCE);
            pace.since = quick();
            pace.have_run();
            assert!(!begins(&mut pace), "no more than one was taken before");
            for _ in 0..4 {
                pace.since = quick();
                pace.have_run();
                assert!(begins(&mut pace), "those before were soon done");
            }
            pace.since = Some(Instant::now() - 2 * AT_ONCE);
            pace.have_run();
            assert!(!begins(&mut pace), "those before took long");
        });
    }

    /// Waits until the clock that roots are timed by has gone on.
    fn tick() {
        let before = Moment::now().to_bits();
        while Moment::now().to_bits() == before {
            yield_now();
        }
    }

    /// Each tells a time since about its own begin, and no longer than since those began that were taken with it:
    /// that is after the begin of the sixteenth before it.
    #[test]
    fn a_closure_runs_since_it_was_taken_with_others() {
        let pool = pool();
        let executor = Executor::builder(&pool).build().expect("no bound, no error");
        let (begins, has_begun) = mpsc::channel();
        let (go, gone) = mpsc::channel::<()>();
        // When each has begun, and first, when the first could.
        let begun: Arc<Mutex<Vec<Moment>>> = Arc::default();
        let (core, first) = (Arc::clone(executor.core()), Arc::clone(&begun));
        executor
            .execute(move || {
                begins.send(()).unwrap();
                assert!(gone.recv().is_err());
                // As after quick ones.
                core.slots[0].stride.set(RUN_AT_ONCE as u64);
                tick();
                first.lock().unwrap().push(Moment::now());
            })
            .unwrap();
        has_begun.recv().unwrap();
        let closure = |number: usize| {
            let (core, begun) = (Arc::clone(executor.core()), Arc::clone(&begun));
            move || {
                let began = Instant::now();
                let taken = {
                    let mut begun = begun.lock().unwrap();
                    begun.push(Moment::now());
                    begun[(number + 1).saturating_sub(RUN_AT_ONCE)]
                };
                if number % 8 == 7 {
                    tick();
                }
                let least = Instant::now() - began;
                let told = core.slots[0].running.sites().next().expect("it runs").1;
                let most = taken.elapsed();
                assert!(least <= told && told <= most, "{number}: {told:?}, {least:?} to {most:?}");
            }
        };
        let handles: Vec<_> =
            (0..40).map(|number| executor.submit(closure(number)).unwrap()).collect();
        drop(go);
        handles.into_iter().for_each(|handle| handle.join().unwrap());
    }
}
