//! What a worker runs, for the report of a shutdown.

use crate::sync::fault::{self, Fault};
use crate::sync::{AtomicPtr, AtomicUsize, Counter, Moment, Ordering, prefetch};
use std::panic::Location;
use std::ptr;
use std::time::Duration;

/// Where the roots were spawned that a worker runs, and since when: a root that waits has others on top of
/// it. Written by the worker alone.
#[derive(Debug, Default)]
pub(crate) struct Running {
    depth: AtomicUsize,
    /// The outermost ones.
    roots: [Root; 8],
}

#[derive(Debug, Default)]
struct Root {
    site: AtomicPtr<Location<'static>>,
    /// The bits of a [`Moment`].
    begun: Counter,
}

impl Running {
    /// A root has begun.
    #[inline]
    pub(crate) fn begin(&self, site: &'static Location<'static>, begun: Moment) {
        let depth = self.depth.load(Ordering::Relaxed);
        if let Some(root) = self.roots.get(depth) {
            root.begun.set(begun.to_bits());
            // Ordering: Release, with the Acquire in `sites`: a site is not read with the time of an earlier root.
            root.site.store(ptr::from_ref(site).cast_mut(), Ordering::Release);
        }
        // Ordering: Release, with the Acquire in `sites`: the site read is not that of an earlier
        // root.
        self.depth.store(depth + 1, fault::unless(Fault::SitesRelaxed, Ordering::Release));
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
        prefetch(&self.roots[0]);
    }

    /// Whether the worker is inside a root. Its own question.
    pub(crate) fn any(&self) -> bool {
        self.depth.load(Ordering::Relaxed) != 0
    }

    /// The outermost roots, outermost first, and how long each has been running. From another thread, as of
    /// a moment ago.
    pub(crate) fn sites(&self) -> impl Iterator<Item = (&'static Location<'static>, Duration)> {
        // Ordering: Acquire, with the Release in `begin`.
        let order = fault::unless(Fault::SitesReadRelaxed, Ordering::Acquire);
        let depth = self.depth.load(order).min(self.roots.len());
        self.roots[..depth].iter().filter_map(|root| {
            // Ordering: Acquire, with the Release of the site in `begin`.
            let site = root.site.load(Ordering::Acquire).cast_const();
            // SAFETY: null, or stored from a `&'static Location`, a constant of the program.
            let site = unsafe { site.as_ref() }?;
            Some((site, Moment::from_bits(root.begun.get()).elapsed()))
        })
    }
}
