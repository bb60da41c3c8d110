//! The clock of the checkers, which stands still: under loom a deadline has passed already or never
//! comes, and under shuttle a timed park lets it jump, so that a deadline passes wherever the
//! schedule wants it to.

use std::cell::Cell;
use std::ops::{Add, Sub};
use std::time::Duration;

/// Some time after the first instant, as a system's clock mostly is.
const START: Duration = Duration::from_secs(1);

std::thread_local! { static NOW: Cell<Duration> = const { Cell::new(START) } }

/// As `std`'s.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Instant(Duration);

impl Instant {
    pub(crate) fn now() -> Self {
        Self(NOW.get())
    }

    pub(crate) fn checked_add(self, duration: Duration) -> Option<Self> {
        self.0.checked_add(duration).map(Self)
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0 + duration)
    }
}

impl Sub for Instant {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

pub(super) fn advance(duration: Duration) {
    NOW.set(NOW.get() + duration);
}
