//! `membarrier(2)` with a fall-back to fences. See `asymmetric.rs`.

use super::Barrier;
use crate::sync::StaticOnceLock;
use std::io::Write;
use std::sync::atomic::{Ordering, compiler_fence, fence};

static BARRIER: StaticOnceLock<Barrier> = StaticOnceLock::new();

/// For tests of the fall-back: `SCHEDULER_BARRIER=fence` pretends that the kernel refuses.
const FORCE_FENCE: &str = "SCHEDULER_BARRIER";

/// The barrier of this process; registers it at the first call.
pub(crate) fn barrier() -> Barrier {
    *BARRIER.get_or_init(|| {
        let asked_for_fence = std::env::var_os(FORCE_FENCE).is_some_and(|v| v == "fence");
        if !asked_for_fence && membarrier(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) {
            Barrier::Membarrier
        } else {
            Barrier::Fence
        }
    })
}

/// The busy half, anywhere but in a worker's own push and pop.
pub(crate) fn light() {
    match barrier() {
        Barrier::Fence => fence(Ordering::SeqCst),
        _ => compiler_fence(Ordering::SeqCst),
    }
}

/// The busy half on a worker's own path. Orders nothing under [`Barrier::Fence`], where the
/// head holds no job that another thread may take.
#[inline(always)]
pub(crate) fn light_owner() {
    compiler_fence(Ordering::SeqCst);
}

/// The idle half.
#[cold]
pub(crate) fn heavy() {
    if barrier() == Barrier::Fence {
        fence(Ordering::SeqCst);
        return;
    }
    // The call can fail for want of memory, or in a child of `fork`, which is not registered.
    for _ in 0..1000 {
        if membarrier(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED) {
            return;
        }
        membarrier(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
        std::thread::yield_now();
    }
    // The heads rely on the barrier; without it a job could run twice. A sandbox that forbids
    // the call has to be entered before the first pool is built.
    let message = b"scheduler: membarrier(2) worked when the first pool was built and now fails\n";
    let _ = std::io::stderr().write_all(message);
    std::process::abort();
}

fn membarrier(command: libc::c_int) -> bool {
    // SAFETY: membarrier takes a command, flags and a CPU number, and touches no memory of ours.
    (unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) }) == 0
}
