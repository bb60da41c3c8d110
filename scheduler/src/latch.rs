//! One-shot events. A latch is set once and has one waiter.
//!
//! # Protocol
//!
//! One word: `UNSET` (null), a *watcher*, `SET`. A watcher is a counted reference to the waiter's
//! parker, or a boxed [`Watcher`]: a waker, or a function to call. Watchers are marked, and odd; all else is even.
//!
//! ```text
//!   UNSET --watch or subscribe, by the waiter--> watcher --unwatch, by the waiter--> UNSET
//!   watcher --watch or subscribe, by the waiter--> another watcher
//!   UNSET or watcher --set, by anyone, once--> SET        (final)
//! ```
//!
//! Before its first watcher, the word may *hold* a pointer that is no business of the latch: that is one more way to
//! be `UNSET`, so one store makes both ([`Latch::holding`]). It is lost with the first watcher, or when the latch is set.
//!
//! Invariant: the watcher in the word belongs to whoever swaps it out: `set` takes it and
//! tells it, or the waiter takes it back. So the setter needs nothing of the waiter but that,
//! and the waiter's pool may be gone by the time of the unpark.
//!
//! # The owner may be gone
//!
//! The moment the word is `SET` the waiter may return and free the latch, while the setter is
//! still inside [`Latch::set`]. So `set` takes a raw pointer and touches nothing of the latch
//! after its one swap. rayon (issues 739, 913) and rustc (146677) both shipped the opposite.
//! In the same way [`Latch::subscribe`] touches nothing after it has stored its watcher, which may
//! own the latch.

use crate::park::Parker;
use crate::sync::fault::{self, Fault};
use crate::sync::{Arc, AtomicPtr, Instant, Ordering};
use crate::unwind;
use std::fmt;
use std::ptr;
use std::task::Waker;

const UNSET: *mut Parker = ptr::null_mut();
/// Nothing that a latch holds is there.
const SET: *mut Parker = ptr::without_provenance_mut(2);
/// Marks the address of a watcher.
const WATCHES: usize = 1;
/// Marks that of a [`Watcher`], as well.
const BOXED: usize = 2;

const _: () = assert!(align_of::<Parker>() > BOXED + WATCHES);
const _: () = assert!(align_of::<Watcher>() > BOXED + WATCHES);

fn is_watcher(word: *mut Parker) -> bool {
    word.addr() & WATCHES != 0
}

/// An event with one waiter.
#[derive(Debug)]
pub(crate) struct Latch {
    word: AtomicPtr<Parker>,
}

/// What [`Latch::watch`] found.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Watch {
    /// The setter will unpark the waiter. End with [`Latch::unwatch`].
    Watching,
    /// It is set: do not park.
    AlreadySet,
}

/// The latch is set, and nothing was stored.
#[derive(Debug)]
struct AlreadySet;

/// A waiter that is no blocked thread.
pub(crate) enum Watcher {
    /// Of a future.
    Waker(Waker),
    /// Called by whoever sets the latch. It must not panic.
    Call(Box<dyn FnOnce() + Send>),
}

impl Watcher {
    /// A panic of a waker ends here: it is nobody's in particular.
    pub(crate) fn tell(self) {
        match self {
            Self::Waker(waker) => {
                if let Err(payload) = unwind::catch(|| waker.wake()) {
                    unwind::drop_quietly(payload);
                }
            }
            Self::Call(call) => unwind::or_abort(call),
        }
    }
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waker(waker) => f.debug_tuple("Waker").field(waker).finish(),
            Self::Call(_) => f.write_str("Call(..)"),
        }
    }
}

/// The watcher of a latch's word, taken out of it.
#[derive(Debug)]
enum Taken {
    Parker(Arc<Parker>),
    Boxed(Box<Watcher>),
}

impl Taken {
    /// # Safety
    ///
    /// 1. `word` is a watcher that was swapped out of a latch, and is taken here only.
    unsafe fn from_word(word: *mut Parker) -> Self {
        let watcher = word.map_addr(|addr| addr & !(WATCHES | BOXED));
        if word.addr() & BOXED == 0 {
            // SAFETY: (1): `watch` stored a reference that it gave up.
            return Self::Parker(unsafe { Arc::from_raw(watcher.cast_const()) });
        }
        // SAFETY: (1): `subscribe` stored a box that it gave up, with this tag.
        Self::Boxed(unsafe { Box::from_raw(watcher.cast::<Watcher>()) })
    }

    fn tell(self) {
        match self {
            Self::Parker(parker) => parker.unpark(),
            Self::Boxed(watcher) => watcher.tell(),
        }
    }

    /// Drops it untold. A waker's destructor is the user's, and may panic.
    fn forget(self) {
        unwind::drop_quietly(self);
    }
}

/// What was in the word of a latch that has been set: its watcher, if it had one, is still to be told.
#[derive(Debug)]
#[must_use = "the waiter sleeps on"]
pub(crate) struct Untold(*mut Parker);

impl Untold {
    /// Whether to tell it is to call a function of a user's.
    pub(crate) fn calls(&self) -> bool {
        is_watcher(self.0) && self.0.addr() & BOXED != 0
    }

    pub(crate) fn tell(self) {
        if is_watcher(self.0) && !fault::is(Fault::LatchSetNoWake) {
            // SAFETY: the swap in `set_untold` took it out, and this is the one call.
            unsafe { Taken::from_word(self.0) }.tell();
        }
    }
}

impl Latch {
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Self { word: AtomicPtr::new(UNSET) }
    }

    /// One whose word begins with a pointer to `held`.
    #[inline(always)]
    pub(crate) fn holding<T>(held: &'static T) -> Self {
        // Not what `SET` is, nor odd.
        const { assert!(align_of::<T>() > BOXED + WATCHES) };
        Self { word: AtomicPtr::new((&raw const *held).cast_mut().cast()) }
    }

    /// What the word holds of a latch that was made [to hold](Self::holding) something, and is not set. `None`: it has
    /// had a watcher; then all that the waiter did before is visible.
    #[inline(always)]
    pub(crate) fn held(&self) -> Option<*const ()> {
        // Ordering: Acquire, with the Release of the exchange in `store`: what the waiter wrote before it watched. Also
        // if it has taken its watcher back since: that exchange goes on with the release sequence of the first.
        let word = self.word.load(fault::unless(Fault::LatchHeldRelaxed, Ordering::Acquire));
        debug_assert!(word != SET, "nothing is held any more");
        let is_held = word != UNSET && !is_watcher(word) || fault::is(Fault::LatchHeldUnasked);
        is_held.then(|| word.cast_const().cast())
    }

    /// Whether the event has happened; what came before it is then visible.
    #[inline(always)]
    pub(crate) fn is_set(&self) -> bool {
        // Ordering: Acquire, with the Release half of the swap in `set`.
        self.word.load(fault::unless(Fault::LatchIsSetRelaxed, Ordering::Acquire)) == SET
    }

    /// The waiter is about to park: whoever sets the latch has to wake it.
    pub(crate) fn watch(&self, waiter: &Arc<Parker>) -> Watch {
        let watcher = Arc::into_raw(Arc::clone(waiter));
        let word = watcher.cast_mut().map_addr(|addr| addr | WATCHES);
        // SAFETY: the caller is the waiter, and keeps the latch alive during the call.
        match unsafe { Self::store(&raw const *self, word) } {
            Ok(()) => Watch::Watching,
            Err(AlreadySet) => {
                // SAFETY: the reference made above was not stored.
                drop(unsafe { Arc::from_raw(watcher) });
                if fault::is(Fault::LatchWatchIgnoresSet) {
                    return Watch::Watching;
                }
                Watch::AlreadySet
            }
        }
    }

    /// Whoever sets the latch has to tell `watcher`, which takes the place of an earlier one. Given
    /// back if the latch is set already.
    ///
    /// # Safety
    ///
    /// 1. `this` points to a latch whose waiter is the caller, and which is alive when the call
    ///    begins. It may be freed as soon as the watcher has been told.
    pub(crate) unsafe fn subscribe(this: *const Self, watcher: Watcher) -> Result<(), Watcher> {
        let boxed = Box::into_raw(Box::new(watcher));
        let word = boxed.cast::<Parker>().map_addr(|addr| addr | BOXED | WATCHES);
        // SAFETY: (1).
        unsafe { Self::store(this, word) }.map_err(|AlreadySet| {
            // SAFETY: the box made above was not stored.
            *unsafe { Box::from_raw(boxed) }
        })
    }

    /// Puts a watcher into the word, and drops the one that it replaces.
    ///
    /// # Safety
    ///
    /// 1. As [`subscribe`](Self::subscribe).
    unsafe fn store(this: *const Self, watcher: *mut Parker) -> Result<(), AlreadySet> {
        // SAFETY: (1).
        let word = unsafe { &raw const (*this).word };
        // SAFETY: (1): this call has stored nothing yet.
        let word = unsafe { &*word };
        // Relaxed: only the waiter itself stores watchers, so all but `SET` is its own.
        let before = word.load(Ordering::Relaxed);
        // Ordering: Release, with the Acquire half of the swap in `set`, which uses the
        // watcher; Acquire on failure, as in `is_set`.
        let stored = fault::unless(Fault::LatchWatchRelaxed, Ordering::Release);
        let found = fault::unless(Fault::LatchWatchReadsRelaxed, Ordering::Acquire);
        let expected = if before == SET { UNSET } else { before };
        match word.compare_exchange(expected, watcher, stored, found) {
            // From here on nothing of `this` may be touched.
            Ok(earlier) if is_watcher(earlier) => {
                // SAFETY: (1): the exchange took it out.
                unsafe { Taken::from_word(earlier) }.forget();
            }
            Ok(_unset) => {}
            Err(_) => return Err(AlreadySet),
        }
        Ok(())
    }

    /// The waiter is awake again, or does not want to be told any more. Does nothing if the latch
    /// has been set meanwhile, or nobody watches.
    #[inline]
    pub(crate) fn unwatch(&self) {
        // Only the waiter itself stores a watcher, so this one is its own.
        let watcher = self.word.load(Ordering::Relaxed);
        if is_watcher(watcher) && !fault::is(Fault::LatchUnwatchForgets) {
            self.take_back(watcher);
        }
    }

    #[cold]
    fn take_back(&self, watcher: *mut Parker) {
        // Ordering: Relaxed, the watcher comes back to the thread that stored it. If `set`
        // was first, the caller's next `is_set` acquires.
        let taken =
            self.word.compare_exchange(watcher, UNSET, Ordering::Relaxed, Ordering::Relaxed);
        if taken.is_ok() {
            // SAFETY: the exchange took it out.
            unsafe { Taken::from_word(watcher) }.forget();
        }
    }

    /// Makes the event happen and tells the waiter. Setting twice is allowed.
    ///
    /// # Safety
    ///
    /// 1. `this` points to a latch that is alive when the call begins. It may be freed as
    ///    soon as another thread can see it set.
    pub(crate) unsafe fn set(this: *const Self) {
        // SAFETY: the caller's.
        unsafe { Self::set_untold(this) }.tell();
    }

    /// Makes the event happen, and leaves it to the caller to tell the waiter.
    ///
    /// # Safety
    ///
    /// 1. As [`set`](Self::set).
    pub(crate) unsafe fn set_untold(this: *const Self) -> Untold {
        let order = fault::half(Fault::LatchSetNoAcquire, Fault::LatchSetNoRelease);
        // SAFETY: (1); the reference is used for one swap and dropped before anybody can free.
        let word = unsafe { &raw const (*this).word };
        // Ordering: Release, with `is_set`: the result is visible to the waiter. Acquire, with
        // `watch`: the parker is.
        // SAFETY: (1): until the swap is done, nobody has seen the latch set.
        let before = unsafe { &*word }.swap(SET, order);
        // From here on nothing of `this` may be touched.
        if fault::is(Fault::LatchTouchedAfterSet) {
            // SAFETY: none, that is the fault.
            let _ = unsafe { &*word }.load(Ordering::Relaxed);
        }
        Untold(before)
    }

    /// [`set`](Self::set), by one of those who share the latch.
    pub(crate) fn set_shared(this: &Arc<Self>) {
        // SAFETY: the caller's reference keeps it alive during the call.
        unsafe { Self::set(&raw const **this) };
    }

    /// Blocks the calling thread, which does nothing else meanwhile. For threads that are no
    /// workers.
    pub(crate) fn wait(&self) {
        if self.is_set() {
            return;
        }
        let parker = Parker::current();
        if self.watch(&parker) == Watch::AlreadySet {
            return;
        }
        while !self.is_set() {
            parker.park();
        }
    }

    /// As [`wait`](Self::wait), but not beyond `deadline`. True if the latch is set.
    pub(crate) fn wait_until(&self, deadline: Instant) -> bool {
        if self.is_set() {
            return true;
        }
        let parker = Parker::current();
        if self.watch(&parker) == Watch::AlreadySet {
            return true;
        }
        while !self.is_set() && parker.park_until(deadline) {}
        self.unwatch();
        self.is_set()
    }
}
