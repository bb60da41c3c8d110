//! CPU time, where the system tells it.

use std::time::Duration;

/// Of the process: what `getrusage` adds up, to the nanosecond.
pub(crate) fn process() -> Option<Duration> {
    imp::process()
}

/// Of the calling thread.
pub(crate) fn thread() -> Option<Duration> {
    imp::thread()
}

#[cfg(unix)]
mod imp {
    use std::time::Duration;

    use rustix::time::{ClockId, clock_gettime};

    pub(super) fn process() -> Option<Duration> {
        clock_gettime(ClockId::ProcessCPUTime).try_into().ok()
    }

    pub(super) fn thread() -> Option<Duration> {
        clock_gettime(ClockId::ThreadCPUTime).try_into().ok()
    }
}

#[cfg(not(unix))]
mod imp {
    use std::time::Duration;

    pub(super) fn process() -> Option<Duration> {
        None
    }

    pub(super) fn thread() -> Option<Duration> {
        None
    }
}
