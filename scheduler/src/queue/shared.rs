//! The public queues: crossbeam's, with the words of this crate. Under loom and
//! shuttle `deque` is the stand-in `model.rs`: crossbeam's own atomics cannot be modelled.

use super::Steal;
use super::deque;
use crate::job::JobRef;
use std::fmt;

/// The owner's end of a worker's public queue.
pub(crate) struct Tail(deque::Worker<JobRef>);

/// The thieves' end.
pub(crate) struct Stealer(deque::Stealer<JobRef>);

impl Tail {
    pub(crate) fn new() -> Self {
        Self(deque::Worker::new_lifo())
    }

    pub(crate) fn stealer(&self) -> Stealer {
        Stealer(self.0.stealer())
    }

    pub(crate) fn push(&self, job: JobRef) {
        self.0.push(job);
    }

    /// The newest job. Costs a full fence.
    pub(crate) fn pop(&self) -> Option<JobRef> {
        self.0.pop()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Stealer {
    /// How many jobs there are, or were a moment ago.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The oldest job.
    pub(crate) fn steal(&self) -> Steal<JobRef> {
        // A look before the fence that a steal begins with: most victims have nothing.
        if self.0.is_empty() {
            return Steal::Empty;
        }
        self.0.steal().into()
    }
}

impl<T> From<deque::Steal<T>> for Steal<T> {
    fn from(steal: deque::Steal<T>) -> Self {
        match steal {
            deque::Steal::Success(job) => Self::Success(job),
            deque::Steal::Empty => Self::Empty,
            deque::Steal::Retry => Self::Retry,
        }
    }
}

impl fmt::Debug for Tail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tail").field("empty", &self.is_empty()).finish()
    }
}

impl fmt::Debug for Stealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stealer").field("empty", &self.0.is_empty()).finish()
    }
}
