//! No pool at all: a thread that parks, and a place for one job. What a wake costs at least, and two of
//! them, there and back.
//!
//! `std`'s `park` and `unpark` are one exchange of a word each and, where the thread sleeps, one call of the
//! system on that word: on Linux, a bare futex.
//!
//! Where the system may choose, it runs the thread on the core of the one that wakes it, which is about to
//! sleep; the second form is bound to a core, as the workers of a pool are.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
};

use super::{Ability, Pool};

#[derive(Default)]
struct Shared {
    job: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    ends: AtomicBool,
}

pub(crate) struct BarePark {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Shared {
    fn take(&self) -> Option<Box<dyn FnOnce() + Send>> {
        self.job.lock().expect("nobody panics with the lock held").take()
    }

    fn work(&self) {
        loop {
            match self.take() {
                Some(job) => job(),
                None if self.ends.load(Relaxed) => return,
                None => thread::park(),
            }
        }
    }
}

impl Pool for BarePark {
    const NAME: &'static str = "bare-park";
    const ABILITIES: &'static [Ability] = &[Ability::HandOver, Ability::Call];

    /// One thread, as only one is ever woken: the others of a pool would only sleep.
    fn start(_: usize) -> Option<BarePark> {
        Some(BarePark::with(|| ()))
    }

    fn submit<F: FnOnce() + Send + 'static>(&self, job: F) {
        self.hand_over(Box::new(job));
    }

    fn call<F, R>(&self, job: F) -> R
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.hand_over_and_park(job)
    }
}

/// The same, bound to the first core.
pub(crate) struct BoundPark(BarePark);

impl Pool for BoundPark {
    const NAME: &'static str = "bound-park";
    const ABILITIES: &'static [Ability] = &[Ability::HandOver, Ability::Call];

    fn start(_: usize) -> Option<BoundPark> {
        let first = core_affinity::get_core_ids()?.into_iter().next()?;
        Some(BoundPark(BarePark::with(move || _ = core_affinity::set_for_current(first))))
    }

    fn submit<F: FnOnce() + Send + 'static>(&self, job: F) {
        self.0.hand_over(Box::new(job));
    }

    fn call<F, R>(&self, job: F) -> R
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.0.hand_over_and_park(job)
    }
}

impl BarePark {
    fn with(begin: impl Fn() + Clone + Send + 'static) -> BarePark {
        let shared = Arc::new(Shared::default());
        let worker = Arc::clone(&shared);
        let work = move || {
            begin();
            worker.work();
        };
        BarePark { shared, threads: super::start_threads(1, work) }
    }

    fn hand_over(&self, job: Box<dyn FnOnce() + Send>) {
        let before = self.shared.job.lock().expect("as above").replace(job);
        assert!(before.is_none(), "one at a time");
        self.threads[0].thread().unpark();
    }

    fn hand_over_and_park<F, R>(&self, job: F) -> R
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let (value, caller) = (Arc::new(Mutex::new(None)), thread::current());
        let place = Arc::clone(&value);
        self.hand_over(Box::new(move || {
            let value = job();
            *place.lock().expect("nobody panics with the lock held") = Some(value);
            caller.unpark();
        }));
        loop {
            // A statement of its own: nobody parks with the lock held.
            let value = value.lock().expect("as above").take();
            match value {
                Some(value) => return value,
                None => thread::park(),
            }
        }
    }
}

impl Drop for BarePark {
    fn drop(&mut self) {
        // What is stored before `unpark` is seen after `park`.
        self.shared.ends.store(true, Relaxed);
        self.threads[0].thread().unpark();
        super::join_threads(&mut self.threads);
    }
}
