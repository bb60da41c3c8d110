//! What a worker runs, for the report of a shutdown.

use crate::sync::fault::{self, Fault};
use crate::sync::{AtomicPtr, AtomicUsize, Counter, Ordering, prefetch};
use std::panic::Location;
use std::ptr;
use std::time::Duration;

/// Where the roots were spawned that a worker runs: a root that waits has others on top of it.
/// Written by the worker alone.
#[derive(Debug, Default)]
pub(crate) struct Running {
    depth: AtomicUsize,
    /// The outermost ones.
    sites: [AtomicPtr<Location<'static>>; 8],
    /// When they began, in nanoseconds after the pool's close; 0: before it. A clock costs as much as
    /// all the rest of a root, so nobody looks at it while the pool is open.
    begun: [Counter; 8],
}

impl Running {
    #[inline]
    pub(crate) fn begin(&self, site: &'static Location<'static>) {
        let depth = self.depth.load(Ordering::Relaxed);
        if let Some(slot) = self.sites.get(depth) {
            slot.store(ptr::from_ref(site).cast_mut(), Ordering::Relaxed);
        }
        // Ordering: Release, with the Acquire in `sites`: the site read is not that of an earlier
        // root.
        self.depth.store(depth + 1, fault::unless(Fault::SitesRelaxed, Ordering::Release));
    }

    /// The root that has just begun has begun so long after the pool's close.
    #[cold]
    pub(crate) fn note_begin(&self, after_close: Duration) {
        let depth = self.depth.load(Ordering::Relaxed);
        if let Some(begun) = self.begun.get(depth - 1) {
            begun.set(after_close.as_nanos().try_into().unwrap_or(u64::MAX).max(1));
        }
    }

    #[inline]
    pub(crate) fn end(&self) {
        // Ordering: Release, as in `begin`: below this root lies another, whose site must be there for
        // a reader of this store as well.
        let order = fault::unless(Fault::SitesEndRelaxed, Ordering::Release);
        self.depth.store(self.depth.load(Ordering::Relaxed) - 1, order);
    }

    /// The worker is about to begin one.
    pub(crate) fn prefetch(&self) {
        prefetch(&self.depth);
        prefetch(&self.sites[0]);
    }

    /// Whether the worker is inside a root. Its own question.
    pub(crate) fn any(&self) -> bool {
        self.depth.load(Ordering::Relaxed) != 0
    }

    /// The outermost roots, outermost first, and how long after the pool's close each began: not at
    /// all after, if it had begun before. From another thread, as of a moment ago.
    pub(crate) fn sites(&self) -> impl Iterator<Item = (&'static Location<'static>, Duration)> {
        // Ordering: Acquire, with the Release in `begin`.
        let order = fault::unless(Fault::SitesReadRelaxed, Ordering::Acquire);
        let depth = self.depth.load(order).min(self.sites.len());
        self.sites[..depth].iter().zip(&self.begun).filter_map(|(site, begun)| {
            let site = site.load(Ordering::Relaxed).cast_const();
            // SAFETY: null, or stored from a `&'static Location`, a constant of the program.
            let site = unsafe { site.as_ref() }?;
            Some((site, Duration::from_nanos(begun.get())))
        })
    }
}
