//! The feature `stream`.

use super::AsCompleted;
use crate::job::error::JoinError;
use futures_core::{FusedStream, Stream};
use std::pin::Pin;
use std::task::{Context, Poll};

/// Needs the feature `stream`.
impl<T> Stream for AsCompleted<T> {
    type Item = (usize, Result<T, JoinError>);

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        AsCompleted::poll_next(&mut self, context)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len(), Some(self.len()))
    }
}

/// Needs the feature `stream`.
impl<T> FusedStream for AsCompleted<T> {
    fn is_terminated(&self) -> bool {
        self.len() == 0
    }
}
