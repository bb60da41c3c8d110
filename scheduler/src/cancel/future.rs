//! Waiting for a cancellation in a future.

use super::token::{CancellationToken, Waiter};
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Ready when its token is cancelled. From [`CancellationToken::cancelled`].
#[must_use = "futures do nothing unless polled"]
pub struct WaitForCancellationFuture<'a> {
    token: &'a CancellationToken,
    /// Of the waker among the token's waiters.
    key: Option<usize>,
}

impl<'a> WaitForCancellationFuture<'a> {
    pub(super) fn new(token: &'a CancellationToken) -> Self {
        Self { token, key: None }
    }
}

impl Future for WaitForCancellationFuture<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if this.token.is_cancelled() {
            return Poll::Ready(());
        }
        // Cloned before, and dropped after, so that none of the waker's code runs under the lock.
        let waiter = Waiter::Waker(context.waker().clone());
        match this.key {
            None => this.key = this.token.add_waiter(waiter),
            Some(key) => drop(this.token.replace_waiter(key, waiter)),
        }
        if this.token.is_cancelled() { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for WaitForCancellationFuture<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            drop(self.token.remove_waiter(key));
        }
    }
}

impl fmt::Debug for WaitForCancellationFuture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitForCancellationFuture").field("token", self.token).finish()
    }
}
