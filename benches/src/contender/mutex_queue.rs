//! The textbook pool: one queue behind a mutex, and a condition variable to wait for jobs.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread::JoinHandle,
};

use super::{Ability, Body, Chunks, Pool};

pub(crate) struct MutexQueue {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Box<dyn FnOnce() + Send>>,
    closed: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().expect("nobody panics with the lock held")
    }

    fn work(&self) {
        loop {
            let waiting = |queue: &mut Queue| queue.jobs.is_empty() && !queue.closed;
            let mut queue = self.changed.wait_while(self.lock(), waiting).expect("as above");
            let Some(job) = queue.jobs.pop_front() else { return };
            drop(queue);
            job();
        }
    }
}

impl Pool for MutexQueue {
    const NAME: &'static str = "mutex-queue";
    const ABILITIES: &'static [Ability] =
        &[Ability::Submit, Ability::Call, Ability::Loop, Ability::Threads];

    fn start(workers: usize) -> Option<MutexQueue> {
        let shared = Arc::new(Shared::default());
        let worker = Arc::clone(&shared);
        let threads = super::start_threads(workers, move || worker.work());
        Some(MutexQueue { shared, threads })
    }

    fn submit<F: FnOnce() + Send + 'static>(&self, job: F) {
        // Allocated before the lock is taken.
        let job = Box::new(job);
        self.shared.lock().jobs.push_back(job);
        self.shared.changed.notify_one();
    }

    fn call<F, R>(&self, job: F) -> R
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let reply = Arc::new((Mutex::new(None), Condvar::new()));
        let place = Arc::clone(&reply);
        self.submit(move || {
            let value = job();
            *place.0.lock().expect("nobody panics with the lock held") = Some(value);
            place.1.notify_one();
        });
        let mut value = reply.0.lock().expect("as above");
        loop {
            match value.take() {
                Some(value) => return value,
                None => value = reply.1.wait(value).expect("as above"),
            }
        }
    }

    fn parallel_for(&self, chunks: &Chunks, body: Body<'_>) {
        super::submit_chunks(self, chunks, body);
    }
}

impl Drop for MutexQueue {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_all();
        super::join_threads(&mut self.threads);
    }
}
