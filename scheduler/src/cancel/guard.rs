//! Cancelling at the end of a scope.

use super::CancellationToken;
use std::fmt;

/// Cancels its token when it is dropped, also by a panic. From
/// [`CancellationToken::drop_guard`].
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
