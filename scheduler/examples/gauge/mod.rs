//! How many of something there are at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Clones count together.
#[derive(Clone, Default)]
pub(crate) struct Gauge(Arc<Counts>);

#[derive(Default)]
struct Counts {
    now: AtomicUsize,
    most: AtomicUsize,
}

/// Counts as one, until it is dropped.
pub(crate) struct Held(Gauge);

impl Gauge {
    pub(crate) fn hold(&self) -> Held {
        let now = self.0.now.fetch_add(1, Relaxed) + 1;
        self.0.most.fetch_max(now, Relaxed);
        Held(self.clone())
    }

    /// The most that there have been.
    pub(crate) fn most(&self) -> usize {
        self.0.most.load(Relaxed)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.0.now.fetch_sub(1, Relaxed);
    }
}
