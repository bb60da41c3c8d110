//! This project without pinning: the system may run a woken worker on the core of the one that wakes it.

use scheduler::{Pinning, ThreadPool};

use super::{Ability, Body, Chunks, Pool, ours::Ours};
use crate::STACK;

pub(crate) struct OursFree(Ours);

impl Pool for OursFree {
    const NAME: &'static str = "ours-free";
    const ABILITIES: &'static [Ability] =
        &[Ability::HandOver, Ability::Call, Ability::Loop, Ability::Threads];

    fn start(workers: usize) -> Option<OursFree> {
        let builder = ThreadPool::builder().num_threads(workers).stack_size(STACK);
        let pool = builder.pinning(Pinning::Off).build();
        let pool = pool.unwrap_or_else(|e| panic!("cannot start our pool of {workers}: {e}"));
        Some(OursFree(Ours::from(pool)))
    }

    fn submit<F: FnOnce() + Send + 'static>(&self, job: F) {
        self.0.submit(job);
    }

    fn call<F, R>(&self, job: F) -> R
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.0.call(job)
    }

    fn parallel_for(&self, chunks: &Chunks, body: Body<'_>) {
        self.0.parallel_for(chunks, body);
    }
}
