//! Handles that are taken in the order in which their closures finish.

use super::ready::Ready;
use crate::sync::{Arc, Instant};
use crate::task::JoinHandle;
use std::collections::BTreeMap;
use std::fmt;
use std::mem;
use std::ops::{Deref, DerefMut};
use std::task::{Context, Poll, ready};

/// Handles, each with the number of its place in the order in which they came.
///
/// No number is given twice: one of a handle that was let go can still arrive.
pub(super) struct Finishing<T> {
    handles: BTreeMap<usize, JoinHandle<T>>,
    next: usize,
    ready: Arc<Ready>,
}

impl<T> Finishing<T> {
    pub(super) fn new() -> Self {
        Self { handles: BTreeMap::new(), next: 0, ready: Arc::new(Ready::new()) }
    }

    pub(super) fn push(&mut self, mut handle: JoinHandle<T>) {
        let number = self.next;
        self.next += 1;
        let ready = Arc::clone(&self.ready);
        handle.when_finished(Box::new(move || ready.push(number)));
        self.handles.insert(number, handle);
    }

    pub(super) fn len(&self) -> usize {
        self.handles.len()
    }

    /// Waits for the next one to finish. `None`: there is none, or not by `deadline`.
    pub(super) fn next(&mut self, deadline: Option<Instant>) -> Option<(usize, JoinHandle<T>)> {
        while !self.handles.is_empty() {
            let number = self.ready.wait(deadline)?;
            if let Some(handle) = self.handles.remove(&number) {
                return Some((number, handle));
            }
        }
        None
    }

    /// The next one, if it has finished.
    pub(super) fn try_next(&mut self) -> Option<(usize, JoinHandle<T>)> {
        while let Some(number) = self.ready.pop() {
            if let Some(handle) = self.handles.remove(&number) {
                return Some((number, handle));
            }
        }
        None
    }

    /// As a stream would.
    pub(super) fn poll_next(
        &mut self,
        context: &Context<'_>,
    ) -> Poll<Option<(usize, JoinHandle<T>)>> {
        while !self.handles.is_empty() {
            let number = ready!(self.ready.poll(context));
            if let Some(handle) = self.handles.remove(&number) {
                return Poll::Ready(Some((number, handle)));
            }
        }
        Poll::Ready(None)
    }

    /// Those that are left, in the order in which they came.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = (usize, JoinHandle<T>)> + use<T> {
        mem::take(&mut self.handles).into_iter()
    }

    pub(super) fn abort_all(&self) {
        self.handles.values().for_each(JoinHandle::abort);
    }
}

impl<T> Extend<JoinHandle<T>> for Finishing<T> {
    fn extend<I: IntoIterator<Item = JoinHandle<T>>>(&mut self, handles: I) {
        handles.into_iter().for_each(|handle| self.push(handle));
    }
}

impl<T> FromIterator<JoinHandle<T>> for Finishing<T> {
    fn from_iter<I: IntoIterator<Item = JoinHandle<T>>>(handles: I) -> Self {
        let mut finishing = Self::new();
        finishing.extend(handles);
        finishing
    }
}

impl<T> fmt::Debug for Finishing<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Finishing").field("left", &self.len()).finish_non_exhaustive()
    }
}

/// The same, but what has not ended when it is dropped is aborted.
#[derive(Debug)]
pub(super) struct Aborting<T>(Finishing<T>);

impl<T> Aborting<T> {
    pub(super) fn new() -> Self {
        Self(Finishing::new())
    }
}

impl<T> Deref for Aborting<T> {
    type Target = Finishing<T>;

    fn deref(&self) -> &Finishing<T> {
        &self.0
    }
}

impl<T> DerefMut for Aborting<T> {
    fn deref_mut(&mut self) -> &mut Finishing<T> {
        &mut self.0
    }
}

impl<T> Drop for Aborting<T> {
    fn drop(&mut self) {
        self.0.abort_all();
    }
}
