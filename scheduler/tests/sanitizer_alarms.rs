//! What the sanitizers must report: plain faults, and seeded faults of the scheduler
//! (`src/sync/fault.rs`). Each runs in a process of its own, and so does the same work without
//! the fault, which must pass. Without a sanitizer there is nothing here.
#![cfg(any(scheduler_tsan, scheduler_asan, scheduler_lsan))]
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use support::{case, child};

/// The report goes to the standard error stream, wherever those of other tests go.
#[cfg(scheduler_tsan)]
const OPTIONS: (&str, &str) = ("TSAN_OPTIONS", "exitcode=66");
#[cfg(scheduler_asan)]
const OPTIONS: (&str, &str) = ("ASAN_OPTIONS", "detect_stack_use_after_return=1:exitcode=66");
#[cfg(scheduler_lsan)]
const OPTIONS: (&str, &str) = ("LSAN_OPTIONS", "exitcode=66");

/// `body(true)` must be reported in these words, and `body(false)` must pass.
#[track_caller]
fn reported(name: &str, words: &str, body: impl FnOnce(bool)) {
    reported_with(name, &[], words, body);
}

/// `body(true)` must be reported in these words where the scheduler has the fault, and
/// `body(false)` must pass where it has not.
#[cfg(any(scheduler_tsan, scheduler_asan))]
#[track_caller]
fn fault_reported(name: &str, fault: &str, words: &str, body: fn(bool)) {
    let seed = ("SCHEDULER_FAULT", fault);
    reported_with(name, &[seed], words, |seeded| {
        support::watchdog(name, move || body(seeded));
    });
}

#[track_caller]
fn reported_with(name: &str, seed: &[(&str, &str)], words: &str, body: impl FnOnce(bool)) {
    if let Some(case) = case() {
        return body(case == "seeded");
    }
    let sound = child(name, "sound", &[OPTIONS]);
    let errors = String::from_utf8_lossy(&sound.stderr);
    assert!(sound.status.success(), "{name} fails without its fault:\n{errors}");
    let seeded = child(name, "seeded", &[&[OPTIONS], seed].concat());
    let errors = String::from_utf8_lossy(&seeded.stderr);
    assert!(!seeded.status.success(), "{name} succeeds:\n{errors}");
    assert!(errors.contains(words), "{name} is not reported as: {words}\n{errors}");
}

#[cfg(scheduler_tsan)]
mod race {
    use super::support::sync::{Mutex, thread};
    use super::support::{pool, wait_until};
    use super::{fault_reported, reported};
    use scheduler::{join, scope};
    use std::cell::UnsafeCell;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

    const RACE: &str = "WARNING: ThreadSanitizer: data race";

    /// Values go from worker to worker, as results and through borrows. What starts where is told
    /// by relaxed operations, which order nothing.
    fn hand_over(_: bool) {
        static BEGUN: AtomicUsize = AtomicUsize::new(0);
        let pool = pool(3);
        for round in 0..500 {
            pool.install(|| {
                let stolen = AtomicBool::new(false);
                let right = || {
                    stolen.store(true, Relaxed);
                    Box::new(round)
                };
                let ((), value) = join(|| wait_until(|| stolen.load(Relaxed)), right);
                assert_eq!(*value, round);
            });
            pool.install(|| {
                let stolen = AtomicBool::new(false);
                let mut value = 0;
                scope(|s| {
                    s.spawn(|| {
                        stolen.store(true, Relaxed);
                        value = round;
                    });
                    wait_until(|| stolen.load(Relaxed));
                });
                assert_eq!(value, round);
            });
            assert_eq!(*pool.spawn(move || Box::new(round)).join().unwrap(), round);
            // Either party may be the last. No submission comes between, by which the worker would be told.
            drop(pool.spawn(move || {
                BEGUN.store(round + 1, Relaxed);
                Box::new(round)
            }));
            wait_until(|| BEGUN.load(Relaxed) > round);
        }
    }

    #[test]
    fn plain() {
        struct Shared(UnsafeCell<usize>);
        // SAFETY: none without the lock, that is the fault.
        unsafe impl Sync for Shared {}

        reported("race::plain", RACE, |seeded| {
            let (shared, lock) = (&Shared(UnsafeCell::new(0)), Mutex::new(()));
            // Side by side: of a thread that has ended the sanitizer may have forgotten too much.
            let running = AtomicUsize::new(0);
            thread::scope(|s| {
                for _ in 0..2 {
                    s.spawn(|| {
                        running.fetch_add(1, Relaxed);
                        wait_until(|| running.load(Relaxed) == 2);
                        for _ in 0..10_000 {
                            let _locked = (!seeded).then(|| lock.lock().unwrap());
                            // SAFETY: under the lock, but for the fault.
                            unsafe { *std::hint::black_box(shared.0.get()) += 1 };
                        }
                    });
                }
            });
        });
    }

    #[test]
    fn latch_set_without_release() {
        fault_reported("race::latch_set_without_release", "LatchSetNoRelease", RACE, hand_over);
    }

    #[test]
    fn parts_end_without_release() {
        fault_reported("race::parts_end_without_release", "PartsEndNoRelease", RACE, hand_over);
    }

    #[test]
    fn cell_load_relaxed() {
        fault_reported("race::cell_load_relaxed", "CellLoadRelaxed", RACE, hand_over);
    }

    #[test]
    fn cell_end_without_release() {
        fault_reported("race::cell_end_without_release", "CellEndNoRelease", RACE, hand_over);
    }
}

#[cfg(scheduler_asan)]
mod stack_use_after_return {
    use super::support::{pool, wait_until};
    use super::{fault_reported, reported};
    use scheduler::join;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

    const USE: &str = "ERROR: AddressSanitizer: stack-use-after-return";

    #[test]
    fn plain() {
        // Apart from the frame: `black_box` is assembly, which keeps its caller on the real stack.
        #[inline(never)]
        fn kept(place: *const AtomicUsize) -> *const AtomicUsize {
            std::hint::black_box(place)
        }
        #[inline(never)]
        fn frame() -> *const AtomicUsize {
            let local = AtomicUsize::new(0);
            kept(&raw const local)
        }

        reported("stack_use_after_return::plain", USE, |seeded| {
            let outer = AtomicUsize::new(0);
            let place = if seeded { frame() } else { &raw const outer };
            // SAFETY: none, that is the fault.
            unsafe { &*place }.store(1, Relaxed);
        });
    }

    /// The owner of a stolen job looks out for its latch, and is off at once.
    #[test]
    fn latch_touched_after_set() {
        fn short_forks(seeded: bool) {
            let pool = pool(2);
            // It takes thousands for the one that is caught.
            for _ in 0..if seeded { 200_000 } else { 5_000 } {
                pool.install(|| {
                    let stolen = AtomicBool::new(false);
                    let right = || stolen.store(true, Relaxed);
                    join(|| wait_until(|| stolen.load(Relaxed)), right);
                });
            }
        }

        fault_reported(
            "stack_use_after_return::latch_touched_after_set",
            "LatchTouchedAfterSet",
            USE,
            short_forks,
        );
    }
}

#[cfg(scheduler_asan)]
#[test]
fn heap_use_after_free() {
    const USE: &str = "ERROR: AddressSanitizer: heap-use-after-free";
    reported("heap_use_after_free", USE, |seeded| {
        let place = std::hint::black_box(Box::into_raw(Box::new(0_usize)));
        if seeded {
            // SAFETY: it came from a box.
            drop(unsafe { Box::from_raw(place) });
        }
        // SAFETY: none, that is the fault.
        unsafe { place.write(1) };
        if !seeded {
            // SAFETY: it came from a box.
            drop(unsafe { Box::from_raw(place) });
        }
    });
}

#[cfg(any(scheduler_asan, scheduler_lsan))]
mod leak {
    use super::reported;
    use super::support::{pool, wait_until};

    const LEAK: &str = "ERROR: LeakSanitizer: detected memory leaks";

    #[test]
    fn plain() {
        reported("leak::plain", LEAK, |seeded| {
            let value = std::hint::black_box(Box::new([1_u8; 4096]));
            if seeded {
                std::mem::forget(value);
            }
        });
    }

    /// A cell is not lost in a slab.
    #[test]
    fn a_forgotten_handle() {
        reported("leak::a_forgotten_handle", LEAK, |seeded| {
            let pool = pool(2);
            let handle = pool.spawn(|| 1);
            wait_until(|| handle.is_finished());
            if seeded {
                std::mem::forget(handle);
            }
        });
    }
}
