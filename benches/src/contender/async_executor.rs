//! async-executor: an executor that all workers run, a task for each job.

use std::{sync::Arc, thread::JoinHandle};

use ::async_executor::Executor;
use async_channel::Sender;
use futures_lite::future;

use super::{Ability, Body, Chunks, Pool};

pub(crate) struct AsyncExecutor {
    executor: Arc<Executor<'static>>,
    /// Nothing is sent: closed, it ends the workers.
    open: Sender<()>,
    threads: Vec<JoinHandle<()>>,
}

impl Pool for AsyncExecutor {
    const NAME: &'static str = "async-executor";
    const ABILITIES: &'static [Ability] =
        &[Ability::Submit, Ability::Call, Ability::Loop, Ability::Threads];

    fn start(workers: usize) -> Option<AsyncExecutor> {
        let executor = Arc::new(Executor::new());
        let (open, closed) = async_channel::bounded::<()>(1);
        let worker = Arc::clone(&executor);
        let threads = super::start_threads(workers, move || {
            let _ = future::block_on(worker.run(closed.recv()));
        });
        Some(AsyncExecutor { executor, open, threads })
    }

    fn submit<F: FnOnce() + Send + 'static>(&self, job: F) {
        self.executor.spawn(async { job() }).detach();
    }

    fn call<F, R>(&self, job: F) -> R
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        future::block_on(self.executor.spawn(async { job() }))
    }

    fn parallel_for(&self, chunks: &Chunks, body: Body<'_>) {
        super::submit_chunks(self, chunks, body);
    }
}

impl Drop for AsyncExecutor {
    fn drop(&mut self) {
        self.open.close();
        super::join_threads(&mut self.threads);
    }
}
