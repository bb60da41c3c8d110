//! rayon.

use ::rayon::{
    ThreadPool, ThreadPoolBuilder,
    iter::{IntoParallelIterator, ParallelIterator},
};

use super::{Ability, Body, Chunks, Plain, Pool};
use crate::STACK;

pub(crate) use ::rayon::scope;

pub(crate) struct Rayon(ThreadPool);

impl Pool for Rayon {
    const NAME: &'static str = "rayon";
    const ABILITIES: &'static [Ability] = &[
        Ability::Join,
        Ability::Scope,
        Ability::Submit,
        Ability::Call,
        Ability::Loop,
        Ability::Threads,
    ];

    fn start(workers: usize) -> Option<Rayon> {
        Some(Rayon(start(workers)))
    }

    fn submit<F: FnOnce() + Send + 'static>(&self, job: F) {
        self.0.spawn(job);
    }

    fn call<F, R>(&self, job: F) -> R
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.0.install(job)
    }

    fn parallel_for(&self, chunks: &Chunks, body: Body<'_>) {
        parallel_for(&self.0, chunks, body);
    }
}

pub(super) fn parallel_for(pool: &ThreadPool, chunks: &Chunks, body: Body<'_>) {
    let all = || {
        let indices = (0..chunks.count()).into_par_iter();
        indices.for_each(|index| body(chunks.get(index)));
    };
    pool.install(all);
}

pub(super) fn start(workers: usize) -> ThreadPool {
    let pool = ThreadPoolBuilder::new().num_threads(workers).stack_size(STACK).build();
    pool.unwrap_or_else(|e| panic!("cannot start rayon's pool of {workers}: {e}"))
}

pub(crate) type Cx<'a, 's> = Plain;

pub(crate) const LEFT_FIRST: bool = true;

pub(crate) fn enter<R: Send>(pool: &Rayon, f: impl FnOnce(Plain) -> R + Send) -> R {
    pool.0.install(|| f(Plain))
}

#[inline(always)]
pub(crate) fn join<A, B, RA, RB>(_: Plain, a: A, b: B) -> (RA, RB)
where
    A: FnOnce(Plain) -> RA + Send,
    B: FnOnce(Plain) -> RB + Send,
    RA: Send,
    RB: Send,
{
    ::rayon::join(|| a(Plain), || b(Plain))
}

#[inline(always)]
pub(crate) fn spawn<'scope, F>(s: &::rayon::Scope<'scope>, f: F)
where
    F: FnOnce() + Send + 'scope,
{
    s.spawn(|_| f());
}
