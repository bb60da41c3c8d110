//! `sort_unstable` of the standard library, which only sorts.

use super::{Ability, Pool};

pub(crate) struct StdSort;

impl Pool for StdSort {
    const NAME: &'static str = "std-sort";
    const ABILITIES: &'static [Ability] = &[Ability::Sort];

    fn start(workers: usize) -> Option<StdSort> {
        (workers == 1).then_some(StdSort)
    }

    fn sort(&self, data: &mut [u64]) {
        data.sort_unstable();
    }
}
