//! What is queued in a pool is taken out again: to be dropped by a shutdown that cancels, or to be handed back.

use super::Registry;
use crate::job::cell::Reason;
use crate::job::party::{Entry, Orphan};
use crate::job::{JobRef, hand};
use crate::pool::seat::Batch;
use crate::pool::{bundle, held};
use crate::queue::Steal;
use crate::sync::asymmetric::heavy;
use crate::sync::fault::{self, Fault};
use crate::sync::spin_loop;
use std::cell::Cell;
use std::iter;

/// What is to be done with roots that have been taken out of a queue: one, or some that were taken together, the oldest
/// first.
type Roots<'a> = &'a mut dyn FnMut(&mut dyn Iterator<Item = JobRef>);

/// The queues of a pool that is being cancelled.
struct Queues<'a> {
    registry: &'a Registry,
    /// Whether a root has come back.
    given_back: Cell<bool>,
}

impl hand::Source for Queues<'_> {
    fn take_rest(&self, take: &mut dyn FnMut(JobRef)) {
        self.registry.each_queued_root(&mut |roots| roots.for_each(&mut *take));
    }

    fn give_back(&self, root: JobRef) {
        self.given_back.set(true);
        self.registry.inject(root);
    }
}

impl Registry {
    /// Drops the roots that are queued now, taking from the queues as a thief would; forks go on
    /// to the global queue. The lifecycle is cancelling, so that running a root drops it; so what is
    /// on its way from one queue to another is dropped when its turn comes.
    ///
    /// A root is counted out when its closure has been dropped: the destructor cannot wait for the pool to end.
    #[cold]
    pub(crate) fn drop_queued_roots(&self) {
        debug_assert!(self.lifecycle.is_cancelling());
        let source = Queues { registry: self, given_back: Cell::new(true) };
        let mut drop_each = |jobs: &mut dyn Iterator<Item = JobRef>| {
            hand::drop_each(jobs, Some(&source), Reason::ShutDown, JobRef::run);
        };
        // What is given back may go where this has looked before. Each time one more is dropped at least: the one that waited.
        while source.given_back.take() {
            held::with(self, || self.each_queued_root(&mut drop_each));
        }
    }

    /// Takes the spawned closures back that are queued now. Installed ones stay, for somebody waits for
    /// them; so do those that a worker is just taking, up to a batch of each.
    pub(crate) fn take_back(&self) -> Vec<Orphan> {
        let mut orphans = Vec::new();
        let mut take_one = |job| match Entry::from_job(job).map(Entry::orphan) {
            Ok(Ok(orphan)) => orphans.push(orphan),
            Ok(Err(entry)) => self.inject(entry.into_job()),
            Err(job) => self.inject(job),
        };
        let mut take = |jobs: &mut dyn Iterator<Item = JobRef>| jobs.for_each(&mut take_one);
        self.each_queued_root(&mut take);
        // A worker does not see that it should leave them, as it does where the pool is being cancelled.
        self.take_batches(self.forces(), &mut take);
        orphans
    }

    /// Takes the queued roots out, as a thief would; forks go on to the global queue.
    ///
    /// Each queue is gone through once, for no more jobs than it held at the start: an owner that
    /// goes on pushing cannot keep the caller here.
    fn each_queued_root(&self, roots: Roots<'_>) {
        // Pairs with the `light` of a submission. If that came first, the job is found here, or on
        // its way to be run. If this came first, the submitter sees that the pool is cancelled, and
        // comes here itself.
        if !fault::is(Fault::CancelNoHeavy) {
            heavy();
        }
        let forces = self.forces();
        // What is in them is older than the rest of the queue that it comes from.
        self.take_batches(forces, roots);
        // Before the heads, whose forks move there.
        self.take_roots(self.injector.len(), || self.injector.steal(), roots);
        for (index, slot) in self.slots().enumerate() {
            let head = self.head(index);
            // The head first: jobs move from there to the tail.
            if forces && !fault::is(Fault::CancelSkipsHeads) {
                let force = || {
                    let top = head.top();
                    heavy();
                    head.force(top)
                };
                self.take_roots(head.len_for_thief(), force, roots);
            }
            self.take_roots(slot.stealer.len(), || slot.stealer.steal(), roots);
        }
    }

    /// Whether jobs can be taken by force: else there are none but in public queues.
    fn forces(&self) -> bool {
        !self.sleep.word().peek().eager()
    }

    fn take_batches(&self, forces: bool, roots: Roots<'_>) {
        if forces && !fault::is(Fault::CancelSkipsBatches) {
            (0..self.len()).for_each(|index| self.take_batch(self.batch(index), roots));
        }
    }

    /// What a worker has taken out of the global queue for later. It comes out newest first, and is gone
    /// through in the order of its submission: a closure that is dropped may wait for the end of an older one.
    fn take_batch(&self, batch: &Batch, roots: Roots<'_>) {
        let force = || {
            let top = batch.top();
            heavy();
            batch.force(top)
        };
        let mut taken = Vec::new();
        self.take_roots(batch.len_for_thief(), force, &mut |jobs| taken.extend(jobs));
        roots(&mut taken.into_iter().rev());
    }

    fn take_roots(&self, len: usize, steal: impl Fn() -> Steal<JobRef>, roots: Roots<'_>) {
        let mut left = len;
        while left != 0 {
            match steal() {
                Steal::Success(job) if job.is_bundle() => {
                    // Together: what is in a bundle is in no queue.
                    let mut taken = Vec::new();
                    bundle::unpack(job, |job| {
                        if job.is_root() {
                            taken.push(job);
                        } else {
                            self.inject(job.into_moved());
                        }
                    });
                    roots(&mut taken.into_iter());
                }
                Steal::Success(job) if job.is_root() => roots(&mut iter::once(job)),
                Steal::Success(job) => self.inject(job.into_moved()),
                Steal::Empty => return,
                Steal::Retry => {
                    spin_loop();
                    continue;
                }
            }
            left -= 1;
        }
    }
}
