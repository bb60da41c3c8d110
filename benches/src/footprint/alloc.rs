//! How much memory is in use, by the allocator's count and by the system's.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    fs,
    sync::atomic::{AtomicUsize, Ordering},
};

/// The system's allocator, counting. Only a program that has it as its global allocator sees
/// anything but zeros.
#[derive(Debug)]
pub struct Counting;

static BYTES: AtomicUsize = AtomicUsize::new(0);
static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

fn count(freed: usize, allocated: usize) {
    // Relaxed: read when the threads that allocate are blocked, by whoever saw them block.
    // Wraps in between when more is freed than allocated, and back again.
    BYTES.fetch_add(allocated.wrapping_sub(freed), Ordering::Relaxed);
    if allocated > 0 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
    }
}

// SAFETY: everything is handed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(0, layout.size());
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(0, layout.size());
        // SAFETY: as the caller promised.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(layout.size(), size);
        // SAFETY: as the caller promised.
        unsafe { System.realloc(old, layout, size) }
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        count(layout.size(), 0);
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(old, layout) }
    }
}

/// What this process uses at some moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usage {
    /// Allocated and not freed.
    pub(super) bytes: usize,
    /// Allocations so far, growing ones included.
    pub(super) allocations: usize,
    /// Resident, in bytes, where the system tells.
    pub(super) resident: Option<usize>,
}

impl Usage {
    pub(super) fn now() -> Usage {
        let status = fs::read_to_string("/proc/self/status").ok();
        let resident = status.and_then(|status| resident(&status));
        Usage { resident, ..Usage::counted() }
    }

    /// Without asking the system, which takes an allocation.
    pub(super) fn counted() -> Usage {
        Usage {
            bytes: BYTES.load(Ordering::Relaxed),
            allocations: ALLOCATIONS.load(Ordering::Relaxed),
            resident: None,
        }
    }
}

/// Reads a process's `status`.
fn resident(status: &str) -> Option<usize> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_in_bytes() {
        assert_eq!(resident("VmHWM:\t 900 kB\nVmRSS:\t  512 kB\n"), Some(524_288));
        assert_eq!(resident("VmHWM:\t 900 kB\n"), None);
    }
}
