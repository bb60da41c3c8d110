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

/// A queue that anybody pushes to and anybody takes from, FIFO: the pool's global queue, and
/// each worker's inbox.
pub(crate) struct Injector(deque::Injector<JobRef>);

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

impl Injector {
    /// How many jobs there are, or were a moment ago.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn new() -> Self {
        Self(deque::Injector::new())
    }

    pub(crate) fn push(&self, job: JobRef) {
        self.0.push(job);
    }

    /// The oldest job. Not after a look whether there is one: where many wait, that would take the
    /// pushers' line, which the steal itself then leaves alone.
    pub(crate) fn steal(&self) -> Steal<JobRef> {
        self.0.steal().into()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
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

impl fmt::Debug for Injector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Injector").field("empty", &self.is_empty()).finish()
    }
}
