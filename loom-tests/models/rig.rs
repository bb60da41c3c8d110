//! A pool without its builder: the real registry and workers, each on a thread of the model's
//! choice. Cheaper to search than a whole `ThreadPool`, whose start and end have races of their
//! own (`pool.rs`).

use super::ledger;
use crate::job::{JobRef, StackJob};
use crate::latch::Latch;
use crate::pool::hooks::Hooks;
use crate::pool::registry::Registry;
use crate::pool::worker::{Role, Worker};
use crate::queue::Tail;
use crate::sync::Arc;
use loom::thread::JoinHandle;
use std::rc::Rc;

/// A thread of the model.
pub(super) fn spawn(f: impl FnOnce() + 'static) -> JoinHandle<()> {
    loom::thread::spawn(f)
}

/// Waits for it.
pub(super) fn join(thread: JoinHandle<()>) {
    thread.join().expect("a panic ends the search");
}

/// A job that enters its number into the ledger, and then does more.
pub(super) struct Job(Rc<StackJob<Box<dyn FnOnce()>, ()>>);

impl Job {
    pub(super) fn new(id: usize) -> Self {
        Self::then(id, || ())
    }

    pub(super) fn then(id: usize, more: impl FnOnce() + 'static) -> Self {
        let closure = move || {
            ledger::run(id);
            more();
        };
        Self(Rc::new(StackJob::new(Box::new(closure))))
    }

    /// The right to run it. Ask once.
    pub(super) fn right(&self) -> JobRef {
        // SAFETY: the model keeps the job until it has run, or its end shows that it is lost;
        // all threads of a model are one OS thread; asked once.
        unsafe { self.0.as_job_ref() }
    }

    /// Runs it as the owner that took it back.
    pub(super) fn run_in_place(&self) {
        // SAFETY: the caller has popped the right to it.
        let closure = unsafe { self.0.take_closure() };
        closure();
    }

    pub(super) fn is_done(&self) -> bool {
        self.0.latch().is_set()
    }

    /// Blocks until it has run, running nothing else.
    pub(super) fn wait(&self) {
        self.0.latch().wait();
    }

    pub(super) fn latch(&self) -> &Latch {
        self.0.latch()
    }

    /// For another thread; the one that made it drops it last.
    pub(super) fn share(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

/// The registry, and the workers that have not started.
pub(super) struct Rig {
    registry: Arc<Registry>,
    tails: Vec<Option<Tail>>,
    threads: Vec<JoinHandle<()>>,
}

impl Rig {
    pub(super) fn new(workers: usize) -> Self {
        let (registry, tails) = Registry::new(workers, (0..workers).collect(), Hooks::default());
        Self { registry, tails: tails.into_iter().map(Some).collect(), threads: Vec::new() }
    }

    pub(super) fn registry(&self) -> &Registry {
        &self.registry
    }

    pub(super) fn share_registry(&self) -> Arc<Registry> {
        Arc::clone(&self.registry)
    }

    /// Makes the calling thread worker `index` while `f` runs.
    pub(super) fn work_here(&mut self, index: usize, f: impl FnOnce(&Worker)) {
        work(self.share_registry(), index, self.tails[index].take().expect("started once"), f);
    }

    /// Starts a thread that is worker `index` while `f` runs.
    pub(super) fn start_with(&mut self, index: usize, f: impl FnOnce(&Worker) + 'static) {
        let registry = self.share_registry();
        let tail = self.tails[index].take().expect("started once");
        self.threads.push(spawn(move || work(registry, index, tail, f)));
    }

    /// Starts a thread that is worker `index` until the rig stops.
    pub(super) fn start(&mut self, index: usize) {
        self.start_with(index, move |worker| {
            worker.run_until(&worker.registry().slot(index).terminate, Role::Main);
        });
    }

    /// Lets `f` happen in one way only, and waits until `sleepers` workers sleep: the search
    /// begins after it.
    pub(super) fn asleep_before<R>(&mut self, sleepers: u64, f: impl FnOnce(&mut Self) -> R) -> R {
        loom::stop_exploring();
        let value = f(self);
        while self.registry.sleep().word().peek().sleeping() != sleepers {
            loom::thread::yield_now();
        }
        loom::explore();
        value
    }

    /// Ends the workers, in one way only (for the others see `pool.rs`), and checks that nobody
    /// is left in the idle word.
    pub(super) fn stop(self) {
        loom::stop_exploring();
        for slot in self.registry.slots() {
            // SAFETY: the registry is alive.
            unsafe { Latch::set(&raw const slot.terminate) };
        }
        self.threads.into_iter().for_each(join);
        let idle = self.registry.sleep().word().peek();
        assert_eq!((idle.sleeping(), idle.searching()), (0, 0), "a worker left counted as idle");
    }
}

fn work(registry: Arc<Registry>, index: usize, tail: Tail, f: impl FnOnce(&Worker)) {
    registry.sleep().enlist(index);
    let worker = Worker::new(registry, index, tail);
    worker.enter(|| f(&worker));
    assert!(worker.take_local().is_none(), "a worker ended with a job in its deque");
}
