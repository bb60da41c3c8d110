//! The feature `stream`.

use super::AsCompleted;
use crate::job::error::JoinError;
use futures_core::{FusedStream, Stream};
use std::pin::Pin;
use std::task::{Context, Poll};

/// The same results as the iterator's, for async code.
///
/// # Examples
///
/// ```
/// use futures_core::Stream;
///
/// fn results() -> impl Stream<Item = (usize, Result<u32, scheduler::JoinError>)> {
///     scheduler::as_completed([scheduler::spawn(|| 6), scheduler::spawn(|| 7)])
/// }
///
/// assert_eq!(results().size_hint(), (2, Some(2)));
/// ```
impl<T> Stream for AsCompleted<T> {
    type Item = (usize, Result<T, JoinError>);

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        AsCompleted::poll_next(&mut self, context)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len(), Some(self.len()))
    }
}

/// When all results have been taken.
impl<T> FusedStream for AsCompleted<T> {
    fn is_terminated(&self) -> bool {
        self.len() == 0
    }
}
