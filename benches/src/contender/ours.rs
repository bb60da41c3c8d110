//! This project, with a `join` that finds its worker by itself.

use scheduler::ThreadPool;

use super::{Ability, Body, Chunks, Plain, Pool};
use crate::STACK;

pub(crate) use scheduler::scope;

pub(crate) struct Ours(ThreadPool);

impl From<ThreadPool> for Ours {
    fn from(pool: ThreadPool) -> Ours {
        Ours(pool)
    }
}

impl Pool for Ours {
    const NAME: &'static str = "ours";
    const ABILITIES: &'static [Ability] = &[
        Ability::Join,
        Ability::Scope,
        Ability::Submit,
        Ability::Call,
        Ability::Loop,
        Ability::Threads,
    ];

    fn start(workers: usize) -> Option<Ours> {
        let pool = ThreadPool::builder().num_threads(workers).stack_size(STACK).build();
        Some(Ours(pool.unwrap_or_else(|e| panic!("cannot start our pool of {workers}: {e}"))))
    }

    fn submit<F: FnOnce() + Send + 'static>(&self, job: F) {
        self.0.execute(job).expect("it is not shut down");
    }

    fn call<F, R>(&self, job: F) -> R
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.0.install(job)
    }

    fn parallel_for(&self, chunks: &Chunks, body: Body<'_>) {
        enter(self, |cx| each(cx, chunks, 0, chunks.count(), body));
    }
}

/// The chunks `from..to`, by halves.
fn each(cx: Plain, chunks: &Chunks, from: usize, to: usize, body: Body<'_>) {
    match to - from {
        0 => {}
        1 => body(chunks.get(from)),
        _ => {
            let middle = from.midpoint(to);
            join(
                cx,
                |cx| each(cx, chunks, from, middle, body),
                |cx| each(cx, chunks, middle, to, body),
            );
        }
    }
}

pub(crate) type Cx<'a, 's> = Plain;

/// Which closure of a `join` the caller begins with.
pub(crate) const LEFT_FIRST: bool = true;

pub(crate) fn enter<R: Send>(pool: &Ours, f: impl FnOnce(Plain) -> R + Send) -> R {
    pool.0.install(|| f(Plain))
}

// The wrappers must vanish: what is left of them would be charged to the contender.
#[inline(always)]
pub(crate) fn join<A, B, RA, RB>(_: Plain, a: A, b: B) -> (RA, RB)
where
    A: FnOnce(Plain) -> RA + Send,
    B: FnOnce(Plain) -> RB + Send,
    RA: Send,
    RB: Send,
{
    scheduler::join(|| a(Plain), || b(Plain))
}

#[inline(always)]
pub(crate) fn spawn<'scope, 'env, F>(s: &'scope scheduler::Scope<'scope, 'env>, f: F)
where
    F: FnOnce() + Send + 'scope,
{
    s.fork(f);
}
