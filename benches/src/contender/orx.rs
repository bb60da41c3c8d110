//! orx-parallel's default pool and default runner, which are made for loops: a scope of that pool
//! blocks the worker that waits for it.

use orx_parallel::{BasicPool, IntoParIter, Par, Runner, ThreadPool};

use super::{Ability, Body, Chunks, Pool};

pub(crate) struct Orx(BasicPool);

impl Pool for Orx {
    const NAME: &'static str = "orx";
    const ABILITIES: &'static [Ability] = &[Ability::Loop, Ability::Threads];

    /// It has at most as many workers as there are cores.
    fn start(workers: usize) -> Option<Orx> {
        let pool = BasicPool::new(workers);
        (pool.max_num_threads().get() == workers).then_some(Orx(pool))
    }

    fn parallel_for(&self, chunks: &Chunks, body: Body<'_>) {
        let indices = (0..chunks.count()).into_par();
        let indices = indices.runner(Runner::adaptive_with_pool(&self.0));
        indices.for_each(|index| body(chunks.get(index)));
    }
}
