//! This project, with the `join` of a `Context`, which is handed down.

use scheduler::{Context, ThreadPool};

use super::{Ability, Pool};
use crate::STACK;

pub(crate) struct OursCx(ThreadPool);

impl Pool for OursCx {
    const NAME: &'static str = "ours-cx";
    const ABILITIES: &'static [Ability] = &[Ability::Join];

    fn start(workers: usize) -> Option<OursCx> {
        let pool = ThreadPool::builder().num_threads(workers).stack_size(STACK).build();
        Some(OursCx(pool.unwrap_or_else(|e| panic!("cannot start our pool of {workers}: {e}"))))
    }
}

pub(crate) type Cx<'a, 's> = Context<'a>;

pub(crate) const LEFT_FIRST: bool = true;

pub(crate) fn enter<R: Send>(pool: &OursCx, f: impl FnOnce(Context<'_>) -> R + Send) -> R {
    pool.0.with_context(f)
}

#[inline(always)]
pub(crate) fn join<A, B, RA, RB>(cx: Context<'_>, a: A, b: B) -> (RA, RB)
where
    A: FnOnce(Context<'_>) -> RA + Send,
    B: FnOnce(Context<'_>) -> RB + Send,
    RA: Send,
    RB: Send,
{
    cx.join(a, b)
}
