//! tokio's threads for blocking work, as many as there are workers elsewhere.

use ::tokio::runtime::{Builder, Runtime};

use super::{Ability, Pool};
use crate::STACK;

pub(crate) struct TokioBlocking(Runtime);

impl Pool for TokioBlocking {
    const NAME: &'static str = "tokio-blocking";
    const ABILITIES: &'static [Ability] = &[Ability::Submit, Ability::Call, Ability::Threads];

    fn start(workers: usize) -> Option<TokioBlocking> {
        // Its one worker, which there has to be, has nothing to do.
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(1).max_blocking_threads(workers).thread_stack_size(STACK);
        let runtime = builder.build();
        Some(TokioBlocking(runtime.unwrap_or_else(|e| panic!("cannot start tokio: {e}"))))
    }

    fn submit<F: FnOnce() + Send + 'static>(&self, job: F) {
        drop(self.0.spawn_blocking(job));
    }

    fn call<F, R>(&self, job: F) -> R
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let task = self.0.spawn_blocking(job);
        self.0.block_on(task).expect("it does not panic")
    }
}
