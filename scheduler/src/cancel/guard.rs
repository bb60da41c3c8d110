//! Cancelling at the end of a scope.

use super::CancellationToken;
use std::fmt;

/// Cancels its token when it is dropped, also by a panic. From
/// [`CancellationToken::drop_guard`].
///
/// # Examples
///
/// Helpers that stop when whoever wants their work has left, whichever way:
///
/// ```
/// use scheduler::{CancellationToken, JoinHandle, task};
///
/// fn first_even(numbers: &[u32]) -> Option<(u32, JoinHandle<()>)> {
///     let token = CancellationToken::new();
///     let helper = token.clone();
///     let ticks = scheduler::spawn(move || {
///         helper.run(|| while !task::is_cancelled() {
///             std::thread::yield_now();
///         })
///     });
///     let _stop = token.drop_guard();
///     let even = numbers.iter().copied().find(|n| n % 2 == 0)?;
///     Some((even, ticks))
/// }
///
/// let (even, ticks) = first_even(&[1, 4, 6]).unwrap();
/// assert_eq!(even, 4);
/// ticks.join()?;
/// # Ok::<(), scheduler::JoinError>(())
/// ```
#[must_use = "dropping the guard cancels the token"]
pub struct DropGuard {
    /// Taken by `disarm`.
    token: Option<CancellationToken>,
}

impl DropGuard {
    pub(super) fn new(token: CancellationToken) -> Self {
        Self { token: Some(token) }
    }

    /// The token, which the guard does not cancel any more.
    ///
    /// # Examples
    ///
    /// ```
    /// let guard = scheduler::CancellationToken::new().drop_guard();
    /// let token = guard.disarm();
    /// assert!(!token.is_cancelled());
    /// ```
    pub fn disarm(mut self) -> CancellationToken {
        self.token.take().expect("only this takes it")
    }
}

impl Drop for DropGuard {
    fn drop(&mut self) {
        if let Some(token) = self.token.take() {
            token.cancel();
        }
    }
}

impl fmt::Debug for DropGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("DropGuard");
        if let Some(token) = &self.token {
            debug.field("token", token);
        }
        debug.finish()
    }
}
