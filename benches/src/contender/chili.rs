//! chili: its callers compute as well, and it starts one thread less for that.

use std::num::NonZero;

use ::chili::{Config, Scope, ThreadPool};

use super::{Ability, Body, Chunks, Pool};

pub(crate) struct Chili(ThreadPool);

impl Pool for Chili {
    const NAME: &'static str = "chili";
    const ABILITIES: &'static [Ability] = &[Ability::Join, Ability::Loop, Ability::Threads];

    fn start(workers: usize) -> Option<Chili> {
        let thread_count = NonZero::new(workers);
        Some(Chili(ThreadPool::with_config(Config { thread_count, ..Config::default() })))
    }

    fn parallel_for(&self, chunks: &Chunks, body: Body<'_>) {
        enter(self, |cx| each(cx, chunks, 0, chunks.count(), body));
    }
}

/// The chunks `from..to`, by halves.
fn each(cx: &mut Scope<'_>, chunks: &Chunks, from: usize, to: usize, body: Body<'_>) {
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

pub(crate) type Cx<'a, 's> = &'a mut Scope<'s>;

pub(crate) const LEFT_FIRST: bool = false;

pub(crate) fn enter<R>(pool: &Chili, f: impl FnOnce(&mut Scope<'_>) -> R) -> R {
    f(&mut pool.0.scope())
}

#[inline(always)]
pub(crate) fn join<A, B, RA, RB>(cx: &mut Scope<'_>, a: A, b: B) -> (RA, RB)
where
    A: FnOnce(&mut Scope<'_>) -> RA + Send,
    B: FnOnce(&mut Scope<'_>) -> RB + Send,
    RA: Send,
    RB: Send,
{
    cx.join(a, b)
}
