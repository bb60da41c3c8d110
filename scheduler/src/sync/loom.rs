//! The seam under loom. Constants shrink so that wrap-around and overflow are reached.
//!
//! What loom lacks is added here: its atomics and cells do not look at their own end, and a
//! thread of its that is blocked on anything at all is set going by an `unpark`.

pub(crate) use super::clock::Instant;
pub(crate) use ended::{AtomicBool, AtomicPtr, AtomicU8, AtomicU64, AtomicUsize, UnsafeCell};
pub(crate) use loom::sync::atomic::fence;
pub(crate) use loom::sync::{Arc, Condvar, Mutex, MutexGuard};
pub(crate) use loom::thread::yield_now;
pub(crate) use once::OnceLock;
/// Loom has no statics.
pub(crate) use std::sync::{Mutex as StaticMutex, OnceLock as StaticOnceLock};

/// Fails a model at whose end something is still allocated.
pub(crate) mod alloc {
    pub(crate) use loom::alloc::{alloc, dealloc};
}

pub(crate) mod thread {
    use std::cell::Cell;
    use std::num::NonZero;
    use std::rc::Rc;
    use std::time::Duration;

    pub(crate) use loom::thread::{Builder, JoinHandle};

    /// A thread with `std`'s park token. All threads of a model run on one OS thread, and
    /// nothing here is a branch of the search, so plain cells do. An unpark whose token is
    /// taken by a later park orders nothing, which is less than `std` promises.
    #[derive(Clone, Debug)]
    pub(crate) struct Thread {
        thread: loom::thread::Thread,
        state: Rc<State>,
    }

    // SAFETY: all threads of a model run on one OS thread.
    unsafe impl Send for Thread {}
    // SAFETY: as above.
    unsafe impl Sync for Thread {}

    #[derive(Debug, Default)]
    struct State {
        token: Cell<bool>,
        parked: Cell<bool>,
    }

    loom::thread_local! {
        static STATE: Rc<State> = Rc::default()
    }

    pub(crate) fn current() -> Thread {
        Thread { thread: loom::thread::current(), state: STATE.with(Rc::clone) }
    }

    pub(crate) fn park() {
        let state = STATE.with(Rc::clone);
        if state.token.take() {
            return;
        }
        state.parked.set(true);
        loom::thread::park();
        state.parked.set(false);
    }

    /// The models' clock stands still, and whoever parks has seen that its deadline has not
    /// passed: it never does.
    pub(crate) fn park_timeout(_: Duration) {
        park();
    }

    impl Thread {
        pub(crate) fn id(&self) -> loom::thread::ThreadId {
            self.thread.id()
        }

        pub(crate) fn unpark(&self) {
            if self.state.parked.take() {
                self.thread.unpark();
            } else {
                self.state.token.set(true);
            }
        }
    }

    pub(crate) fn available_parallelism() -> std::io::Result<NonZero<usize>> {
        Ok(NonZero::new(2).expect("2 is not zero"))
    }
}

/// Loom schedules another thread only at a yield.
pub(crate) fn spin_loop() {
    loom::thread::yield_now();
}

pub(crate) const HEAD_CAPACITY: usize = 4;
pub(crate) const ZERO_IS_NULL: bool = false;
pub(crate) const INJECTOR_LAP: u64 = 3;
pub(crate) const SEARCH_ROUNDS: u32 = 1;
/// It would give way to the others just where they are to race with it.
pub(crate) const FIRST_LOOKS: u32 = 0;
/// A model calls for it: a search of one round is over before.
pub(crate) const STILL_ROUNDS: u32 = 2;
pub(crate) const LINGER_ROUNDS: u32 = 1;
pub(crate) const FAIR_INTERVAL: u32 = 2;
pub(crate) const INJECTED_STREAK: u32 = 2;
/// A model calls for it: in the main loop it would be some atomic operations more for each pick.
pub(crate) const LOOKS_FOR_STRANDED: bool = false;
pub(crate) const BUNDLE_SIZE: usize = 2;
/// Of what counts by stripes: a worker's own and this one are enough to go wrong.
pub(crate) const OUTSIDE_STRIPES: usize = 1;
/// How many values the stand-in's injector takes in its life.
pub(crate) const INJECTOR_BLOCK: usize = 8;
/// A yield would give way to the others just where they are to race with the searcher.
pub(crate) const SPINS_PER_ROUND: u32 = 0;
mod once {
    /// Has no order of its own, which is less than `std` promises: a model fails if a reader could
    /// come before the writer.
    #[derive(Debug)]
    pub(crate) struct OnceLock<T>(loom::cell::UnsafeCell<Option<T>>);

    // SAFETY: the cell fails the model if two threads come at once; the value goes to others.
    unsafe impl<T: Send + Sync> Sync for OnceLock<T> {}
    // SAFETY: the value goes along.
    unsafe impl<T: Send> Send for OnceLock<T> {}

    impl<T> OnceLock<T> {
        pub(crate) fn new() -> Self {
            Self(loom::cell::UnsafeCell::new(None))
        }

        #[track_caller]
        pub(crate) fn set(&self, value: T) -> Result<(), T> {
            self.0.with_mut(|slot| {
                // SAFETY: the cell fails the model if another thread is here.
                if unsafe { (*slot).is_some() } {
                    return Err(value);
                }
                // SAFETY: as above, and nobody has a reference to what is not there.
                unsafe { *slot = Some(value) };
                Ok(())
            })
        }

        #[track_caller]
        pub(crate) fn get(&self) -> Option<&T> {
            // SAFETY: written once, which the cell sees to be before.
            self.0.with(|slot| unsafe { (*slot).as_ref() })
        }
    }
}

/// Atomics and cells whose drop is checked: it must come after every access by anyone. So a
/// model fails if memory is freed, or a frame left, that somebody may still touch.
mod ended {
    use std::ops::Deref;
    use std::thread::panicking;

    macro_rules! atomic {
        ($($name:ident $(<$parameter:ident>)?, $value:ty, $zero:expr, $end:expr;)*) => {$(
            #[derive(Debug)]
            pub(crate) struct $name $(<$parameter>)? (loom::sync::atomic::$name $(<$parameter>)?);

            impl $(<$parameter>)? $name $(<$parameter>)? {
                #[track_caller]
                pub(crate) fn new(value: $value) -> Self {
                    Self(loom::sync::atomic::$name::new(value))
                }
            }

            impl $(<$parameter>)? Default for $name $(<$parameter>)? {
                fn default() -> Self {
                    Self::new($zero)
                }
            }

            impl $(<$parameter>)? Deref for $name $(<$parameter>)? {
                type Target = loom::sync::atomic::$name $(<$parameter>)?;

                fn deref(&self) -> &Self::Target {
                    &self.0
                }
            }

            impl $(<$parameter>)? Drop for $name $(<$parameter>)? {
                #[track_caller]
                fn drop(&mut self) {
                    if !panicking() {
                        let end: fn(&mut loom::sync::atomic::$name $(<$parameter>)?) = $end;
                        end(&mut self.0);
                    }
                }
            }
        )*};
    }

    atomic! {
        // Loom's has no `with_mut`; this checks against stores only.
        // SAFETY: the reference is exclusive.
        AtomicBool, bool, false, |end| _ = unsafe { end.unsync_load() };
        AtomicU8, u8, 0, |end| end.with_mut(|_| ());
        AtomicU64, u64, 0, |end| end.with_mut(|_| ());
        AtomicUsize, usize, 0, |end| end.with_mut(|_| ());
        AtomicPtr<T>, *mut T, std::ptr::null_mut(), |end| end.with_mut(|_| ());
    }

    /// Loom's cell, which fails a model on overlapping access.
    #[derive(Debug)]
    pub(crate) struct UnsafeCell<T>(loom::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        #[track_caller]
        pub(crate) fn new(value: T) -> Self {
            Self(loom::cell::UnsafeCell::new(value))
        }

        #[track_caller]
        pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
            self.0.with_mut(f)
        }
    }

    impl<T> Drop for UnsafeCell<T> {
        #[track_caller]
        fn drop(&mut self) {
            if !panicking() {
                self.0.with_mut(|_| ());
            }
        }
    }
}

macro_rules! thread_local_const {
    ($(#[$doc:meta])* static $name:ident: $ty:ty = $init:expr) => {
        loom::thread_local! { $(#[$doc])* static $name: $ty = $init }
    };
}
pub(crate) use thread_local_const;
pub(crate) use thread_local_const as thread_local_lazy;

/// The only one.
pub(crate) const fn outside_stripe() -> usize {
    0
}
