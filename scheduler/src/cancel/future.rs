//! Waiting for a cancellation in a future.

use super::token::{CancellationToken, Waiter};
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Ready when its token is cancelled. From [`CancellationToken::cancelled`].
///
/// # Examples
///
/// A future that ends with another, or when it is cancelled:
///
/// ```
/// use scheduler::{CancellationToken, Cancelled};
/// use std::future::{pending, poll_fn};
/// use std::pin::pin;
/// use std::task::{Context, Poll, Waker};
///
/// async fn unless_cancelled<T>(
///     token: &CancellationToken,
///     future: impl Future<Output = T>,
/// ) -> Result<T, Cancelled> {
///     let (mut future, mut cancelled) = (pin!(future), pin!(token.cancelled()));
///     poll_fn(|context| match future.as_mut().poll(context) {
///         Poll::Ready(value) => Poll::Ready(Ok(value)),
///         Poll::Pending => cancelled.as_mut().poll(context).map(|()| Err(Cancelled)),
///     })
///     .await
/// }
///
/// let token = CancellationToken::new();
/// let mut context = Context::from_waker(Waker::noop());
/// let mut never = pin!(unless_cancelled(&token, pending::<u32>()));
/// assert_eq!(never.as_mut().poll(&mut context), Poll::Pending);
/// token.cancel();
/// assert_eq!(never.as_mut().poll(&mut context), Poll::Ready(Err(Cancelled)));
/// ```
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
