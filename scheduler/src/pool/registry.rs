//! What the workers of a pool share.

mod sweep;

use super::carried::Carried;
use super::fronts::Fronts;
use super::gate::{Closed, Passage, Stripe, Tally};
use super::held;
use super::hooks::Hooks;
use super::lifecycle::Lifecycle;
use super::on_close::OnClose;
use super::running::Running;
use super::seat::{Batch, Seat};
use super::seats::Seats;
use super::worker::Worker;
use crate::job::cell::{Fate, Unclaimed};
use crate::job::{JobRef, StackJob, hand};
use crate::latch::Latch;
use crate::observe::Counters;
use crate::queue::{Head, Injector, Stealer, Tail};
use crate::sleep::{Here, Sleep};
use crate::span;
use crate::sync::fault::{self, Fault};
use crate::sync::{Arc, AtomicUsize, Instant, Moment, Ordering, mask, prefetch};
use crate::unwind;
use crossbeam_utils::CachePadded;
use std::fmt;
use std::panic::Location;
use std::ptr;

/// The part of a worker that others reach.
#[derive(Debug)]
pub(crate) struct WorkerSlot {
    pub(crate) stealer: Stealer,
    /// Jobs for this worker alone.
    pub(crate) inbox: Injector,
    /// Set when the pool has stopped.
    pub(crate) terminate: Latch,
    /// On lines of its own: its worker writes there whenever it looks for work, and whoever else does
    /// reads the rest.
    pub(crate) counters: CachePadded<Counters>,
    /// The core it is pinned to, plus one; 0 if it is not.
    pinned_to: AtomicUsize,
    running: Running,
}

/// The shared part of a pool.
pub(crate) struct Registry {
    slots: Box<[CachePadded<WorkerSlot>]>,
    seats: Seats,
    injector: Injector,
    sleep: CachePadded<Sleep>,
    lifecycle: Lifecycle,
    fronts: Fronts,
    on_close: OnClose,
    hooks: Hooks,
}

impl WorkerSlot {
    pub(crate) fn pinned_to(&self) -> Option<usize> {
        self.pinned_to.load(Ordering::Relaxed).checked_sub(1)
    }

    pub(crate) fn set_pinned_to(&self, core: usize) {
        self.pinned_to.store(core + 1, Ordering::Relaxed);
    }

    pub(crate) fn running(&self) -> &Running {
        &self.running
    }
}

impl Registry {
    /// `cores` are those to which the workers are to be bound, or none.
    pub(crate) fn new(workers: usize, cores: Box<[usize]>, hooks: Hooks) -> (Arc<Self>, Vec<Tail>) {
        let tails: Vec<Tail> = (0..workers).map(|_| Tail::new()).collect();
        let slot = |tail: &Tail| WorkerSlot {
            stealer: tail.stealer(),
            inbox: Injector::new(),
            terminate: Latch::new(),
            counters: CachePadded::default(),
            pinned_to: AtomicUsize::new(0),
            running: Running::default(),
        };
        let registry = Self {
            slots: tails.iter().map(|tail| CachePadded::new(slot(tail))).collect(),
            seats: Seats::new(workers),
            injector: Injector::new(),
            sleep: CachePadded::new(Sleep::new(workers, cores)),
            lifecycle: Lifecycle::new(workers),
            fronts: Fronts::default(),
            on_close: OnClose::default(),
            hooks,
        };
        (Arc::new(registry), tails)
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    #[inline]
    pub(crate) fn slot(&self, index: usize) -> &WorkerSlot {
        &self.slots[index]
    }

    /// Of the worker of `index`.
    #[inline]
    pub(crate) fn seat(&self, index: usize) -> &Seat {
        self.seats.get(index)
    }

    /// Of the worker of `index`.
    #[inline]
    pub(crate) fn head(&self, index: usize) -> &Head {
        self.seat(index).head()
    }

    /// Of the worker of `index`.
    #[inline]
    pub(crate) fn batch(&self, index: usize) -> &Batch {
        self.seat(index).batch()
    }

    pub(crate) fn slots(&self) -> impl Iterator<Item = &WorkerSlot> {
        self.slots.iter().map(|slot| &**slot)
    }

    pub(crate) fn injector(&self) -> &Injector {
        &self.injector
    }

    pub(crate) fn sleep(&self) -> &Sleep {
        &self.sleep
    }

    pub(crate) fn lifecycle(&self) -> &Lifecycle {
        &self.lifecycle
    }

    pub(crate) fn fronts(&self) -> &Fronts {
        &self.fronts
    }

    pub(crate) fn on_close(&self) -> &OnClose {
        &self.on_close
    }

    pub(crate) fn hooks(&self) -> &Hooks {
        &self.hooks
    }

    /// The worker of `index` has been unparked, after who knows how long: what it is going to touch on the way to
    /// the job that it was mostly woken for, which is in the global queue.
    pub(crate) fn prefetch_for_woken(&self, index: usize) {
        self.sleep.prefetch(index);
        let slot = self.slot(index);
        prefetch(&slot.terminate);
        prefetch(&slot.inbox);
        prefetch(&self.injector);
        prefetch(&slot.counters);
        self.seat(index).prefetch();
        self.lifecycle.prefetch();
        slot.running.prefetch();
    }

    /// The calling thread's worker, if it is one of this pool's.
    #[inline]
    pub(crate) fn own_worker<'a>(&self) -> Option<&'a Worker> {
        Worker::current().filter(|worker| ptr::eq(Arc::as_ptr(worker.registry()), self))
    }

    /// Whether the calling thread is inside this pool, as one of its workers or by a root that it
    /// holds itself: it cannot wait for the pool to end.
    pub(crate) fn is_inside(&self) -> bool {
        self.own_worker().is_some() || held::contains(self)
    }

    /// Counts in a root that the calling thread holds while `f` runs.
    pub(crate) fn hold_root<R>(&self, f: impl FnOnce() -> R) -> Result<R, Refused<()>> {
        if self.enter().is_err() {
            return Err(Refused::Closed(()));
        }
        if fault::is(Fault::HeldRootUncounted) {
            self.leave(Fate::Ran);
            return Ok(held::with(self, f));
        }
        let _root = Root(self);
        Ok(held::with(self, f))
    }

    /// Queues a job: on the caller's own deque if it is a worker of this pool, else globally.
    #[inline]
    pub(crate) fn submit(&self, job: JobRef) {
        match self.own_worker() {
            Some(worker) => worker.push(job),
            None => self.inject(job),
        }
    }

    /// As [`submit`](Self::submit), for a root that has entered. If the pool is being cancelled, it
    /// may be too late for whoever goes through the queues, so the caller does it once more.
    #[inline]
    pub(crate) fn submit_root(&self, job: JobRef) {
        self.submit_root_by(self.own_worker(), job);
    }

    /// The same, on that worker of this pool, whose thread calls; without one, globally.
    #[inline]
    pub(crate) fn submit_root_by(&self, worker: Option<&Worker>, job: JobRef) {
        match worker {
            Some(worker) => worker.push(job.into_root()),
            None => self.inject(job.into_root()),
        }
        self.settle_root();
    }

    /// As [`submit_root`](Self::submit_root), but always globally, behind all that is there.
    pub(crate) fn inject_root(&self, job: JobRef) {
        self.inject(job.into_root());
        self.settle_root();
    }

    /// After a root has been queued: if the pool is being cancelled, it may be too late for whoever goes
    /// through the queues.
    #[inline]
    pub(crate) fn settle_root(&self) {
        // Relaxed: every submission ends with a `light`, which pairs with the `heavy` in
        // `drop_queued_roots`: either this sees the flag, or that sees the job.
        if self.lifecycle.is_cancelling() && !fault::is(Fault::SubmitIgnoresCancel) {
            self.drop_queued_roots();
        }
    }

    /// Queues a job globally.
    pub(crate) fn inject(&self, job: JobRef) {
        debug_assert!(
            !job.is_bundle() && !job.is_fork(),
            "it may go on to a batch, where no bundle is, and no frame knows an index"
        );
        self.injector.push(job);
        self.sleep.announce_near(near);
    }

    /// As [`submit_root`](Self::submit_root), by a thread that is no worker of any pool, and does nothing from now on
    /// but block until the job has run. `here` says on which core it is.
    pub(crate) fn inject_root_and_block(&self, job: JobRef, here: Here) {
        debug_assert!(Worker::current().is_none(), "a worker runs other jobs meanwhile");
        self.injector.push(job.into_root());
        self.sleep.announce_and_block(here);
        self.settle_root();
    }

    /// Gives every worker a job of its own.
    pub(crate) fn inject_each(&self, jobs: impl Iterator<Item = JobRef>) {
        for (index, job) in jobs.enumerate() {
            self.slot(index).inbox.push(job);
            self.sleep.announce_to(index);
        }
    }

    /// Counts a root in. On an error the pool is shutting down and the root must not run.
    #[inline]
    pub(crate) fn enter(&self) -> Result<(), Closed> {
        self.enter_on(self.stripe(self.own_worker()))
    }

    /// Counts in so many roots more than one that the caller has counted in, while the gate is open.
    pub(crate) fn enter_more(&self, roots: usize) {
        self.lifecycle.enter_more(self.stripe(self.own_worker()), roots);
    }

    /// Counts a root out; the last one of a closed pool ends the workers.
    #[inline]
    pub(crate) fn leave(&self, fate: Fate) {
        self.leave_on(self.stripe(self.own_worker()), fate);
    }

    /// Where a worker of this pool counts, or the calling thread if it is none.
    #[inline]
    pub(crate) fn stripe(&self, worker: Option<&Worker>) -> Stripe {
        worker.map_or_else(Stripe::outside, |worker| Stripe::of_worker(worker.index()))
    }

    /// [`enter`](Self::enter), on the calling thread's stripe.
    #[inline]
    pub(crate) fn enter_on(&self, stripe: Stripe) -> Result<(), Closed> {
        self.lifecycle.enter(stripe)
    }

    /// [`leave`](Self::leave), on the calling thread's stripe.
    #[inline]
    pub(crate) fn leave_on(&self, stripe: Stripe, fate: Fate) {
        self.pass(self.lifecycle.leave(stripe, fate));
    }

    /// Refuses new roots from now on, and tells delayed work. Says what the gate had counted before.
    pub(crate) fn close(&self) -> Tally {
        // Before the gate closes: each of their closures becomes a root. They refuse from then on, too.
        self.lifecycle.announce_close();
        self.fronts.close();
        let closing = self.lifecycle.close();
        self.pass(closing.passage);
        // It drops closures: their destructors cannot wait for what this call is to end.
        held::with(self, || self.on_close.close());
        closing.before
    }

    /// Does what a change of the gate calls for.
    #[inline]
    pub(crate) fn pass(&self, passage: Passage) {
        if passage == Passage::LastOut {
            self.terminate();
        }
    }

    /// Ends the workers' loops, once they have run dry.
    #[cold]
    pub(crate) fn terminate(&self) {
        for slot in self.slots() {
            // SAFETY: the caller keeps the registry alive during the call.
            unsafe { Latch::set(&raw const slot.terminate) };
            if fault::is(Fault::TerminateWakesOne) {
                break;
            }
        }
    }

    /// Runs a root's closure on the current worker, noting where it came from. A panic goes on.
    pub(crate) fn run_root<R>(
        &self,
        site: &'static Location<'static>,
        closure: impl FnOnce() -> R,
    ) -> R {
        let worker = Worker::current().expect("roots run on workers");
        self.run_root_since(site, worker, worker.root_begins(), closure)
    }

    /// The same, on `worker`, where it is known when it has begun.
    pub(crate) fn run_root_since<R>(
        &self,
        site: &'static Location<'static>,
        worker: &Worker,
        begun: Moment,
        closure: impl FnOnce() -> R,
    ) -> R {
        struct End<'a>(&'a Running);
        impl Drop for End<'_> {
            #[inline]
            fn drop(&mut self) {
                self.0.end();
            }
        }
        let running = self.slot(worker.index()).running();
        running.begin(site, begun);
        let _end = End(running);
        closure()
    }

    /// Where panics go that nobody can receive.
    pub(crate) fn unclaimed(&self) -> Unclaimed {
        self.hooks.unclaimed()
    }

    /// Runs `f` on a worker of this pool and returns its value. A worker of this pool runs it
    /// at once. A worker of another pool runs its own pool's jobs meanwhile. Any other thread
    /// blocks.
    ///
    /// Refused, with `f` back, if the pool is shutting down.
    pub(crate) fn in_worker<F, R>(
        &self,
        site: &'static Location<'static>,
        f: F,
    ) -> Result<R, Refused<F>>
    where
        F: FnOnce(&Worker) -> R + Send,
        R: Send,
    {
        if let Some(worker) = self.own_worker() {
            return Ok(f(worker));
        }
        self.in_worker_from_outside(site, f)
    }

    #[cold]
    fn in_worker_from_outside<F, R>(
        &self,
        site: &'static Location<'static>,
        f: F,
    ) -> Result<R, Refused<F>>
    where
        F: FnOnce(&Worker) -> R + Send,
        R: Send,
    {
        if self.enter().is_err() {
            return Err(Refused::Closed(f));
        }
        let (task, span) = (Carried::current(), span::Context::current());
        let job = StackJob::new(|| {
            let root = Root(self);
            if self.lifecycle.is_cancelling() {
                root.cancel();
                return Err(f);
            }
            let on_worker = || f(Worker::current().expect("roots run on workers"));
            // SAFETY: (1) this frame waits for the job.
            self.run_root(site, || span.run(|| Ok(unsafe { task.run(on_worker) })))
        });
        // SAFETY: this frame waits for the job's latch below; closure and result are `Send`;
        // this is its one `JobRef`.
        let job_ref = unsafe { job.as_job_ref() };
        match Worker::current() {
            // Of another pool, whose jobs it runs meanwhile.
            Some(_) => self.inject_root(job_ref),
            None => self.inject_root_and_block(job_ref, mask::here),
        }
        wait(job.latch());
        // SAFETY: the latch is set.
        match unsafe { job.take_result() } {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(f)) => Err(Refused::Cancelled(f)),
            Err(payload) => unwind::resume(payload),
        }
    }
}

/// The core of who submits and goes on, if it is no worker, and likely to block soon all the same.
fn near() -> Option<usize> {
    if Worker::current().is_some() { None } else { mask::here_before_a_block() }
}

/// Waits for a latch: a worker, of whichever pool, runs other jobs meanwhile; any other thread
/// blocks.
pub(crate) fn wait(latch: &Latch) {
    match Worker::current() {
        Some(worker) => worker.run_until(latch, super::worker::Role::Waiting),
        None => block(latch),
    }
}

/// As [`wait`], but not beyond `deadline`; a worker finishes the job that it runs then. True if the
/// latch is set.
pub(crate) fn wait_until(latch: &Latch, deadline: Instant) -> bool {
    match Worker::current() {
        Some(worker) => worker.run_until_deadline(latch, deadline),
        None => block_until(latch, deadline),
    }
}

/// Blocks the thread, whatever it is, until the latch is set.
fn block(latch: &Latch) {
    hand::let_go_for(latch);
    latch.wait();
}

/// As [`block`], but not beyond `deadline`. True if the latch is set.
pub(crate) fn block_until(latch: &Latch, deadline: Instant) -> bool {
    hand::let_go_for(latch);
    latch.wait_until(deadline)
}

/// Why [`Registry::in_worker`] did not run a closure.
#[derive(Debug)]
pub(crate) enum Refused<F> {
    /// The pool was shutting down already.
    Closed(F),
    /// It was queued, and a shutdown cancelled it.
    Cancelled(F),
}

impl<F> Refused<F> {
    /// For calls that have no other way to say it.
    #[track_caller]
    pub(crate) fn panic(self) -> ! {
        let (closure, message) = match self {
            Self::Closed(closure) => (closure, "the thread pool has been shut down"),
            Self::Cancelled(closure) => {
                (closure, "the thread pool was shut down before the closure could run")
            }
        };
        unwind::drop_quietly(closure);
        panic!("{message}")
    }
}

/// Counts a root out when it is dropped.
struct Root<'a>(&'a Registry);

impl Root<'_> {
    fn cancel(self) {
        self.0.leave(Fate::Cancelled);
        std::mem::forget(self);
    }
}

impl Drop for Root<'_> {
    fn drop(&mut self) {
        self.0.leave(Fate::Ran);
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("workers", &self.slots.len())
            .field("lifecycle", &self.lifecycle)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(any(scheduler_loom, scheduler_shuttle))))]
mod tests {
    use crate::job::cell::{self, AbortFlag, Fate, Owner, Unclaimed};
    use crate::latch::Latch;
    use crate::pool::ThreadPool;
    use crate::sync::Arc;
    use crate::unwind::{self, Payload};

    /// A closure that is taken back only once a worker has gone on to the queue, and run what it took there.
    #[derive(Clone, Copy)]
    struct TakenLate<'a> {
        go: &'a Latch,
        has_gone: &'a Latch,
    }

    impl Owner for TakenLate<'_> {
        const OUTLIVES_HANDLE: bool = true;

        fn cancels(self) -> bool {
            false
        }

        fn run<T>(self, closure: impl FnOnce() -> T) -> Result<T, Payload> {
            unwind::catch(closure)
        }

        fn run_abortable<T>(
            self,
            _: AbortFlag<'_>,
            closure: impl FnOnce() -> T,
        ) -> Result<T, Payload> {
            self.run(closure)
        }

        fn unclaimed(self) -> Unclaimed {
            Unclaimed(Box::new(drop))
        }

        fn ended(self, _: Fate) {}

        fn orphan(self) -> Option<Self> {
            // SAFETY: it is alive during the call.
            unsafe { Latch::set(&raw const *self.go) };
            self.has_gone.wait();
            Some(self)
        }
    }

    /// `take_back` has looked at the batches, which were empty, and is at the global queue, when the worker takes
    /// the rest of that along.
    #[test]
    fn what_a_worker_takes_along_meanwhile_is_taken_back() {
        let [begun, go, has_gone, end] = [(); 4].map(|()| Arc::new(Latch::new()));
        let pool = ThreadPool::builder().num_threads(1).build().expect("no error");
        let then = |tells: &Arc<Latch>, awaits: &Arc<Latch>| {
            let (tells, awaits) = (Arc::clone(tells), Arc::clone(awaits));
            move || {
                Latch::set_shared(&tells);
                awaits.wait();
            }
        };
        let busy = pool.spawn(then(&begun, &go));
        begun.wait();
        let owner = TakenLate { go: &go, has_gone: &has_gone };
        // SAFETY: the closure uses nothing; the latches are there until it has been dropped, below.
        let late = unsafe { cell::detached(|| (), owner) };
        pool.registry().inject_root(late.into_job());
        let taken_with_it = pool.spawn(then(&has_gone, &end));
        let along = pool.spawn(|| ());
        let taken_back = pool.registry().take_back();
        let n = taken_back.len();
        drop(taken_back);
        Latch::set_shared(&end);
        assert_eq!(n, 2, "the first, and the last");
        assert!(busy.join().is_ok() && taken_with_it.join().is_ok());
        assert!(along.join().is_err_and(|error| error.is_shut_down()));
    }
}
