//! The seam with random pauses, under `--cfg scheduler_jitter`: `std`, but an operation on an
//! atomic now and then spins, yields or sleeps before it, and a park now and then returns for no
//! reason, as it may. Windows of a few instructions become as wide as a time slice, and the
//! stress tests fall into them.
//!
//! The limits shrink as for loom, though not as far, so that spilling, bundles and sleep
//! happen all the time.
//!
//! Each thread's pauses follow from one seed and the order in which the threads first came here.
//! The seed is printed at the start; `SCHEDULER_JITTER_SEED` sets it. That gives the same pauses
//! again, but not the same run: the system schedules the threads.

#[allow(dead_code, unused_imports)]
#[path = "std.rs"]
mod plain;

pub(crate) use atomics::{AtomicBool, AtomicPtr, AtomicU8, AtomicU64, AtomicUsize};
pub(crate) use plain::{
    Arc, Condvar, Instant, Mutex, OUTSIDE_STRIPES, OnceLock, StaticMutex, StaticOnceLock,
    UnsafeCell, alloc, fence, outside_stripe, thread_local_const, thread_local_lazy,
};

pub(crate) const HEAD_CAPACITY: usize = 8;
pub(crate) const ZERO_IS_NULL: bool = true;
pub(crate) const INJECTOR_LAP: u64 = 4;
pub(crate) const SEARCH_ROUNDS: u32 = 2;
pub(crate) const FIRST_LOOKS: u32 = 2;
pub(crate) const STILL_ROUNDS: u32 = 1;
pub(crate) const SPINS_PER_ROUND: u32 = 2;
pub(crate) const LINGER_ROUNDS: u32 = 1;
pub(crate) const FAIR_INTERVAL: u32 = 3;
pub(crate) const INJECTED_STREAK: u32 = 2;
pub(crate) const LOOKS_FOR_STRANDED: bool = true;
pub(crate) const BUNDLE_SIZE: usize = 3;

pub(crate) use std::thread::yield_now;

pub(crate) fn spin_loop() {
    pause();
    std::hint::spin_loop();
}

/// One operation in this many gets a pause. Fewer would hide what needs two stores to be close
/// together, as in a store buffer.
const PAUSE_ONE_IN: u64 = 32;

/// One park in this many returns at once.
const WAKE_ONE_IN: u64 = 16;

/// Mostly nothing; else a spin, a yield or a sleep.
fn pause() {
    let draw = draw();
    if !draw.is_multiple_of(PAUSE_ONE_IN) {
        return;
    }
    let draw = draw / PAUSE_ONE_IN;
    match draw % 64 {
        0 => std::thread::sleep(std::time::Duration::from_micros(1 + draw / 64 % 20)),
        1..16 => std::thread::yield_now(),
        _ => (0..draw / 64 % 200).for_each(|_| std::hint::spin_loop()),
    }
}

/// The next number of the thread's stream: xorshift with 64 bits.
fn draw() -> u64 {
    use std::cell::Cell;
    std::thread_local! { static STATE: Cell<u64> = const { Cell::new(0) } }
    STATE.with(|state| {
        let mut x = match state.get() {
            0 => seed_of_this_thread(),
            x => x,
        };
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        state.set(x);
        // The low bits of the state are its weakest.
        x >> 16
    })
}

#[cold]
fn seed_of_this_thread() -> u64 {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};
    static SEED: OnceLock<u64> = OnceLock::new();
    static THREADS: AtomicU64 = AtomicU64::new(1);
    let seed = *SEED.get_or_init(|| {
        let seed = match std::env::var("SCHEDULER_JITTER_SEED") {
            Ok(seed) => seed.parse().expect("SCHEDULER_JITTER_SEED is a number"),
            Err(_) => {
                let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
                now.map_or(1, |now| now.as_nanos() as u64) ^ u64::from(std::process::id())
            }
        };
        eprintln!("SCHEDULER_JITTER_SEED={seed}");
        seed
    });
    let thread = THREADS.fetch_add(1, Ordering::Relaxed);
    // Spread over all bits, and never zero, where a xorshift stays.
    (seed ^ thread.wrapping_mul(0x9E37_79B9_7F4A_7C15)).wrapping_mul(0xD6E8_FEB8_6659_FD93) | 1
}

pub(crate) mod thread {
    use super::{WAKE_ONE_IN, draw, pause};
    use std::thread::{self, ThreadId};
    pub(crate) use std::thread::{Builder, JoinHandle, available_parallelism};
    use std::time::Duration;

    /// `std`'s, with a pause before an unpark.
    #[derive(Clone, Debug)]
    pub(crate) struct Thread(thread::Thread);

    pub(crate) fn current() -> Thread {
        Thread(thread::current())
    }

    impl Thread {
        pub(crate) fn id(&self) -> ThreadId {
            self.0.id()
        }

        pub(crate) fn unpark(&self) {
            pause();
            self.0.unpark();
        }
    }

    pub(crate) fn park() {
        pause();
        if !draw().is_multiple_of(WAKE_ONE_IN) {
            thread::park();
        }
    }

    pub(crate) fn park_timeout(timeout: Duration) {
        pause();
        if !draw().is_multiple_of(WAKE_ONE_IN) {
            thread::park_timeout(timeout);
        }
    }
}

/// `std`'s atomics, with a pause before each operation.
mod atomics {
    use super::pause;
    use std::fmt;
    use std::sync::atomic::{self, Ordering};

    macro_rules! atomic {
        ($($name:ident $(<$parameter:ident>)?, $value:ty;)*) => {$(
            #[repr(transparent)]
            pub(crate) struct $name $(<$parameter>)? (atomic::$name $(<$parameter>)?);

            impl $(<$parameter>)? $name $(<$parameter>)? {
                pub(crate) const fn new(value: $value) -> Self {
                    Self(atomic::$name::new(value))
                }

                pub(crate) fn load(&self, order: Ordering) -> $value {
                    pause();
                    self.0.load(order)
                }

                pub(crate) fn store(&self, value: $value, order: Ordering) {
                    pause();
                    self.0.store(value, order);
                }

                #[allow(dead_code, reason = "not every type is used in every way")]
                pub(crate) fn swap(&self, value: $value, order: Ordering) -> $value {
                    pause();
                    self.0.swap(value, order)
                }

                #[allow(dead_code, reason = "as above")]
                pub(crate) fn compare_exchange(
                    &self,
                    current: $value,
                    new: $value,
                    success: Ordering,
                    failure: Ordering,
                ) -> Result<$value, $value> {
                    pause();
                    self.0.compare_exchange(current, new, success, failure)
                }

                #[allow(dead_code, reason = "as above")]
                pub(crate) fn compare_exchange_weak(
                    &self,
                    current: $value,
                    new: $value,
                    success: Ordering,
                    failure: Ordering,
                ) -> Result<$value, $value> {
                    pause();
                    self.0.compare_exchange_weak(current, new, success, failure)
                }
            }

            impl $(<$parameter>)? fmt::Debug for $name $(<$parameter>)? {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    self.0.fmt(f)
                }
            }
        )*};
    }

    atomic! {
        AtomicBool, bool;
        AtomicU8, u8;
        AtomicU64, u64;
        AtomicUsize, usize;
        AtomicPtr<T>, *mut T;
    }

    macro_rules! arithmetic {
        ($($name:ident, $value:ty, $($operation:ident),*;)*) => {$(
            impl $name {$(
                pub(crate) fn $operation(&self, operand: $value, order: Ordering) -> $value {
                    pause();
                    self.0.$operation(operand, order)
                }
            )*}
        )*};
    }

    arithmetic! {
        AtomicU64, u64, fetch_add, fetch_sub, fetch_or;
        AtomicUsize, usize, fetch_add, fetch_sub, fetch_or, fetch_and;
    }

    impl AtomicU64 {
        /// With a pause between the look and the exchange as well.
        pub(crate) fn fetch_update(
            &self,
            success: Ordering,
            failure: Ordering,
            mut next: impl FnMut(u64) -> Option<u64>,
        ) -> Result<u64, u64> {
            pause();
            self.0.fetch_update(success, failure, |value| {
                let next = next(value);
                pause();
                next
            })
        }
    }

    impl Default for AtomicUsize {
        fn default() -> Self {
            Self::new(0)
        }
    }

    impl<T> Default for AtomicPtr<T> {
        fn default() -> Self {
            Self::new(std::ptr::null_mut())
        }
    }
}
