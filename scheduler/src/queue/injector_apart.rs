//! The global queue in the models of whole pools: the stand-in of `model.rs`, which has half the atomics
//! of the real one. That has models of its own, and there is nothing in its place there.

use super::{Steal, deque};
use crate::job::JobRef;
use std::fmt;

/// As that of `injector.rs`.
pub(crate) struct Injector(deque::Injector<JobRef>);

/// Jobs that a taker has claimed.
#[must_use]
pub(crate) struct Taken(Vec<Option<JobRef>>);

impl Injector {
    pub(crate) fn new() -> Self {
        Self(deque::Injector::new())
    }

    pub(crate) fn push(&self, job: JobRef) {
        self.0.push(job);
    }

    pub(crate) fn steal(&self) -> Steal<JobRef> {
        self.0.steal().into()
    }

    pub(crate) fn claim(&self, wanted: impl FnOnce(u64) -> u64) -> Steal<Taken> {
        match self.0.claim(|there| wanted(there as u64) as usize) {
            deque::Steal::Success(taken) => {
                Steal::Success(Taken(taken.into_iter().map(Some).collect()))
            }
            deque::Steal::Empty => Steal::Empty,
            deque::Steal::Retry => Steal::Retry,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Taken {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn get(&mut self, index: usize) -> JobRef {
        self.0[index].take().expect("asked for once")
    }
}

impl fmt::Debug for Injector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Injector").finish_non_exhaustive()
    }
}
