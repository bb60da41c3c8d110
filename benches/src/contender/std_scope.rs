//! `std::thread::scope`: a loop starts its threads and ends them.

use std::{
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
};

use super::{Ability, Body, Chunks, Pool};

pub(crate) struct StdScope {
    workers: usize,
}

impl Pool for StdScope {
    const NAME: &'static str = "std-scope";
    const ABILITIES: &'static [Ability] = &[Ability::Loop, Ability::Threads];

    fn start(workers: usize) -> Option<StdScope> {
        Some(StdScope { workers })
    }

    fn parallel_for(&self, chunks: &Chunks, body: Body<'_>) {
        let next = AtomicUsize::new(0);
        let work = || {
            let indices = || Some(next.fetch_add(1, Relaxed)).filter(|&i| i < chunks.count());
            std::iter::from_fn(indices).for_each(|index| body(chunks.get(index)));
        };
        thread::scope(|s| {
            for _ in 0..self.workers {
                s.spawn(work);
            }
        });
    }
}
