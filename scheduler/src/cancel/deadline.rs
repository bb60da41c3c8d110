//! Tokens that are cancelled by the clock.
//!
//! The timer holds the node, and no handle: so a token whose last handle goes leaves the tree at once,
//! and takes its entry out of the timer.

use super::CancellationToken;
use crate::sync::Instant;
use crate::timer;
use std::time::Duration;

impl CancellationToken {
    /// When the token will be cancelled, if nothing is quicker: its own deadline or that of an
    /// ancestor, whichever is earlier. `None`: at no certain time.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    ///
    /// let (soon, later) = (Duration::from_secs(1), Duration::from_secs(2));
    /// let token = scheduler::CancellationToken::new();
    /// assert_eq!(token.deadline(), None);
    /// let request = token.with_deadline(Instant::now() + soon);
    /// assert_eq!(request.with_timeout(later).deadline(), request.deadline());
    /// assert_eq!(request.child_token().deadline(), request.deadline());
    /// ```
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.until()
    }

    /// A child that is cancelled at `deadline` as well, or soon after: the process's timer does it, so
    /// [`is_cancelled`](Self::is_cancelled) remains one load and looks at no clock. If the deadline has
    /// passed, the child is cancelled already; a later deadline than the token has itself changes
    /// nothing.
    ///
    /// # Panics
    ///
    /// If it is the first use of the timer in the process, and the system does not spawn its thread.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    ///
    /// let deadline = Instant::now() + Duration::from_millis(1);
    /// let token = scheduler::CancellationToken::new().with_deadline(deadline);
    /// token.wait();
    /// assert!(Instant::now() >= deadline);
    /// ```
    #[must_use]
    pub fn with_deadline(&self, deadline: Instant) -> Self {
        if self.deadline().is_some_and(|earlier| earlier <= deadline) {
            return self.child_token();
        }
        let child = self.child(Some(deadline));
        if child.is_cancelled() {
            return child;
        }
        if deadline <= Instant::now() {
            child.cancel();
            return child;
        }
        let entry = timer::at(deadline, Box::new(child.canceller()));
        child.at_end(Box::new(move || drop(timer::cancel(entry))));
        child
    }

    /// [`with_deadline`](Self::with_deadline), that long from now. One that is longer than the clock
    /// can say is no deadline.
    ///
    /// # Panics
    ///
    /// As `with_deadline`.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{CancellationToken, Cancelled, task};
    /// use std::time::Duration;
    ///
    /// fn endless() -> Result<(), Cancelled> {
    ///     loop {
    ///         task::checkpoint()?;
    ///     }
    /// }
    ///
    /// let token = CancellationToken::new().with_timeout(Duration::from_millis(1));
    /// assert_eq!(token.run(endless), Err(Cancelled));
    /// ```
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        match Instant::now().checked_add(timeout) {
            Some(deadline) => self.with_deadline(deadline),
            None => self.child_token(),
        }
    }
}
