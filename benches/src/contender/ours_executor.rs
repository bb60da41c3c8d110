//! This project's executor: its own queue in front of the workers, without a bound and with one.

use scheduler::{Executor, RejectionPolicy, ThreadPool};

use super::{Ability, BOUND, Pool};
use crate::STACK;

/// Submits; its pool ends after it.
struct Front {
    executor: Executor,
    _pool: ThreadPool,
}

impl Front {
    fn start(workers: usize, bound: Option<usize>) -> Front {
        let pool = ThreadPool::builder().num_threads(workers).stack_size(STACK).build();
        let pool = pool.unwrap_or_else(|e| panic!("cannot start our pool of {workers}: {e}"));
        let builder = Executor::builder(&pool).on_full(RejectionPolicy::Block);
        let builder = match bound {
            Some(bound) => builder.queue_capacity(bound),
            None => builder,
        };
        let executor = builder.build().expect("the bound is not 0");
        Front { executor, _pool: pool }
    }

    fn submit<F: FnOnce() + Send + 'static>(&self, job: F) {
        self.executor.execute(job).expect("it is not shut down");
    }

    fn call<F, R>(&self, job: F) -> R
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let handle = self.executor.submit(job).expect("it is not shut down");
        handle.join().expect("it does not panic")
    }
}

pub(crate) struct OursExecutor(Front);

impl Pool for OursExecutor {
    const NAME: &'static str = "ours-executor";
    const ABILITIES: &'static [Ability] = &[Ability::Submit, Ability::Call, Ability::Threads];

    fn start(workers: usize) -> Option<OursExecutor> {
        Some(OursExecutor(Front::start(workers, None)))
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
}

/// A submitter waits where as many jobs wait as the bound says.
pub(crate) struct OursBounded(Front);

impl Pool for OursBounded {
    const NAME: &'static str = "ours-bounded";
    const ABILITIES: &'static [Ability] = &[Ability::Submit, Ability::Call, Ability::Threads];

    fn start(workers: usize) -> Option<OursBounded> {
        Some(OursBounded(Front::start(workers, Some(BOUND))))
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
}
