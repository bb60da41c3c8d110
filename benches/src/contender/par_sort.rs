//! rayon's `par_sort_unstable`, which only sorts.

use ::rayon::{ThreadPool, slice::ParallelSliceMut};

use super::{Ability, Pool};

pub(crate) struct ParSort(ThreadPool);

impl Pool for ParSort {
    const NAME: &'static str = "par-sort";
    const ABILITIES: &'static [Ability] = &[Ability::Sort];

    fn start(workers: usize) -> Option<ParSort> {
        Some(ParSort(super::rayon::start(workers)))
    }

    fn sort(&self, data: &mut [u64]) {
        self.0.install(|| data.par_sort_unstable());
    }
}
