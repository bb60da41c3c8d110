//! The `threadpool` crate. Its drop does not wait for its threads.

use std::sync::mpsc;

use ::threadpool::{Builder, ThreadPool};

use super::{Ability, Body, Chunks, Pool};
use crate::STACK;

pub(crate) struct Threadpool(ThreadPool);

impl Pool for Threadpool {
    const NAME: &'static str = "threadpool";
    const ABILITIES: &'static [Ability] =
        &[Ability::Submit, Ability::Call, Ability::Loop, Ability::Threads];

    fn start(workers: usize) -> Option<Threadpool> {
        let builder = Builder::new().num_threads(workers).thread_stack_size(STACK);
        Some(Threadpool(builder.build()))
    }

    fn submit<F: FnOnce() + Send + 'static>(&self, job: F) {
        self.0.execute(job);
    }

    fn call<F, R>(&self, job: F) -> R
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let (reply, value) = mpsc::channel();
        self.0.execute(move || reply.send(job()).expect("the caller waits"));
        value.recv().expect("each job is run")
    }

    fn parallel_for(&self, chunks: &Chunks, body: Body<'_>) {
        super::submit_chunks(self, chunks, body);
    }
}
