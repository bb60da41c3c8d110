//! Blocking one thread, with a token.
//!
//! # Protocol
//!
//! One bit. `false` (no token) -> `true` by anyone, in [`Parker::unpark`]; `true` -> `false`
//! by the owning thread alone, in [`Parker::park`]. An unpark that comes before the park
//! leaves its token, and the park returns at once: no wake is lost. Tokens do not add up.
//!
//! The thread itself is blocked by `std::thread::park`, whose own token others may use for
//! their purposes; that can only make it return early, and the loop in `park` goes back.
//!
//! A park may return on a token that was meant for an earlier wait. Every caller therefore
//! looks at what it waits for, again, in a loop.

use crate::sync::fault::{self, Fault};
use crate::sync::{Arc, AtomicBool, Instant, Ordering, thread, thread_local_lazy};

/// Blocks its thread until someone unparks it.
#[derive(Debug)]
pub(crate) struct Parker {
    token: AtomicBool,
    thread: thread::Thread,
}

impl Parker {
    /// A parker for the calling thread: only this thread may park on it.
    pub(crate) fn for_current_thread() -> Arc<Self> {
        Arc::new(Self { token: AtomicBool::new(false), thread: thread::current() })
    }

    /// The calling thread's own parker, made at first use. Tokens left over from an earlier
    /// wait make the next park return early, once.
    pub(crate) fn current() -> Arc<Self> {
        thread_local_lazy!(static CURRENT: Arc<Parker> = Parker::for_current_thread());
        // While the thread's locals are being destroyed it gets one for this wait only.
        CURRENT.try_with(Arc::clone).unwrap_or_else(|_| Self::for_current_thread())
    }

    /// Blocks until there is a token, and takes it.
    pub(crate) fn park(&self) {
        if fault::is(Fault::ParkIgnoresToken) {
            thread::park();
            self.token.swap(false, Ordering::Relaxed);
            return;
        }
        while !self.take_token() {
            thread::park();
        }
    }

    fn take_token(&self) -> bool {
        // Ordering: Acquire, with the Release of every `unpark` whose token this takes:
        // what the unparkers did before is visible after.
        self.token.swap(false, fault::unless(Fault::ParkRelaxed, Ordering::Acquire))
    }

    /// As [`park`](Self::park), but not beyond `deadline`. True if there was a token.
    pub(crate) fn park_until(&self, deadline: Instant) -> bool {
        loop {
            if self.take_token() {
                return true;
            }
            let now = Instant::now();
            if now >= deadline {
                return false;
            }
            thread::park_timeout(deadline - now);
        }
    }

    /// Leaves a token and wakes the thread if it is parked.
    pub(crate) fn unpark(&self) {
        if fault::is(Fault::UnparkLooksFirst) && self.token.load(Ordering::Relaxed) {
            return;
        }
        // Ordering: Release, with the Acquire in `park`. A read-modify-write even where the
        // token is there already: two unparkers leave one token, and the swap keeps the first
        // one's writes in the release sequence that the parker reads.
        let order = fault::unless(Fault::UnparkRelaxed, Ordering::Release);
        if !self.token.swap(true, order) {
            self.thread.unpark();
        }
    }
}
