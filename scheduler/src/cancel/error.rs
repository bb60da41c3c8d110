//! What a task that should stop returns.

use std::error::Error;
use std::fmt;

/// The task was asked to stop: the error of [`task::checkpoint`](crate::task::checkpoint).
///
/// # Examples
///
/// ```
/// use scheduler::{CancellationToken, Cancelled, task};
///
/// #[derive(Debug, PartialEq)]
/// enum Error {
///     Cancelled,
///     Empty,
/// }
///
/// impl From<Cancelled> for Error {
///     fn from(_: Cancelled) -> Self {
///         Self::Cancelled
///     }
/// }
///
/// fn first_word(text: &str) -> Result<&str, Error> {
///     task::checkpoint()?;
///     text.split_whitespace().next().ok_or(Error::Empty)
/// }
///
/// let token = CancellationToken::new();
/// assert_eq!(token.run(|| first_word("to be")), Ok("to"));
/// token.cancel();
/// assert_eq!(token.run(|| first_word("to be")), Err(Error::Cancelled));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs, reason = "programs return it themselves")]
pub struct Cancelled;

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the task was cancelled")
    }
}

impl Error for Cancelled {}
