//! What the tests synchronise with: `std`'s, and under ThreadSanitizer what it can see.
#![allow(unused_imports, reason = "each test file uses its own part of it")]

#[cfg(scheduler_tsan)]
pub(crate) use super::tsan::{Arc, Barrier, Mutex, Weak, mpsc, thread};
#[cfg(not(scheduler_tsan))]
pub(crate) use std::{
    sync::{Arc, Barrier, Mutex, Weak, mpsc},
    thread,
};
