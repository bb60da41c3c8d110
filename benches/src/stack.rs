//! Stacks that the deepest tree fits, whichever thread ends up running it.

use std::thread;

/// Bytes of stack for each computing thread: UTS T3 nests some 1,600 nodes of several frames each.
pub const STACK: usize = 64 << 20;

/// Makes [`STACK`] the default of every thread started later. chili offers no other way to size its
/// workers' stacks.
///
/// # Safety
/// 1. No other thread of the process may read or write the environment meanwhile: call it first
///    in `main`.
pub unsafe fn big_stacks_by_default() {
    // SAFETY: 1. the caller promises that no other thread touches the environment.
    unsafe { std::env::set_var("RUST_MIN_STACK", STACK.to_string()) };
}

/// Runs `f` on a thread of its own with [`STACK`] bytes, on which serial code and chili's caller
/// compute.
///
/// # Panics
/// If the thread cannot be started; with `f`'s own panic if `f` panics.
pub fn on_big_stack<R: Send>(f: impl FnOnce() -> R + Send) -> R {
    thread::scope(|s| {
        let driver = thread::Builder::new().name("driver".into()).stack_size(STACK);
        let driver = driver.spawn_scoped(s, f);
        let driver = driver
            .unwrap_or_else(|e| panic!("cannot start a thread with {STACK} bytes of stack: {e}"));
        driver.join().unwrap_or_else(|payload| std::panic::resume_unwind(payload))
    })
}
