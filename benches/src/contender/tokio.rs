//! tokio's multi-threaded runtime, a task for each job.

use ::tokio::runtime::{Builder, Runtime};

use super::{Ability, Body, Chunks, Pool};
use crate::STACK;

pub(crate) struct Tokio(Runtime);

impl Pool for Tokio {
    const NAME: &'static str = "tokio";
    const ABILITIES: &'static [Ability] =
        &[Ability::Submit, Ability::Call, Ability::Loop, Ability::Threads];

    fn start(workers: usize) -> Option<Tokio> {
        let runtime =
            Builder::new_multi_thread().worker_threads(workers).thread_stack_size(STACK).build();
        Some(Tokio(runtime.unwrap_or_else(|e| panic!("cannot start tokio with {workers}: {e}"))))
    }

    fn submit<F: FnOnce() + Send + 'static>(&self, job: F) {
        drop(self.0.spawn(async { job() }));
    }

    fn call<F, R>(&self, job: F) -> R
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let task = self.0.spawn(async { job() });
        self.0.block_on(task).expect("it does not panic")
    }

    fn parallel_for(&self, chunks: &Chunks, body: Body<'_>) {
        super::submit_chunks(self, chunks, body);
    }
}
