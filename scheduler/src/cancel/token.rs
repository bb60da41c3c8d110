//! The token and its tree.
//!
//! # Protocol
//!
//! A token is a handle to a node. A node knows its parent, and the parent lists it, until the last
//! handle is gone; a child counts as one of its parent's handles, so a node in the tree has all of
//! its ancestors. Each node has a flag and a lock; nobody holds two of the locks.
//!
//! ```text
//!   Active --cancel, of the node or of an ancestor, under the node's lock--> Cancelled    (final)
//! ```
//!
//! - `cancel` goes down the tree node by node: it sets the flag and takes the lists of children and
//!   of waiters away in one step. It wakes the waiters when the whole tree has been told.
//! - Who adds a child or a waiter looks at the flag under the same lock: either it comes before that
//!   step, and is in the list, or it sees the flag.
//! - Who leaves takes itself off the list; if `cancel` was first, there is no such entry any more.
//!
//! Invariant: a node whose flag is set has empty lists, for ever. So what is added is told, once.
//!
//! What runs on behalf of others (wakers, and their destructors) runs outside the locks.

use super::{DropGuard, WaitForCancellationFuture};
use crate::cancel::slots::Slots;
use crate::latch::Latch;
use crate::sync::fault::{self, Fault};
use crate::sync::{Arc, AtomicBool, AtomicUsize, Instant, Mutex, Ordering};
use crate::unwind::{self, Payload};
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::task::Waker;
use std::time::Duration;

/// Tells work that it should stop.
///
/// Clones are the same token. A [child](Self::child_token) is cancelled with its parent; the other
/// way round nothing happens. Cancelling is final, and stops nobody by force: work asks
/// [`is_cancelled`](Self::is_cancelled) now and then, or waits for it. What runs inside
/// [`run`](Self::run) needs no token handed down: it asks
/// [`task::is_cancelled`](crate::task::is_cancelled) or
/// [`task::checkpoint`](crate::task::checkpoint), wherever its forks run.
///
/// A token whose last handle is dropped is not cancelled by that; see
/// [`drop_guard`](Self::drop_guard). A child keeps its ancestors in memory.
///
/// # Examples
///
/// ```
/// use scheduler::{CancellationToken, task};
///
/// fn search(numbers: &[u32], wanted: u32, found: &CancellationToken) {
///     if task::is_cancelled() {
///         return;
///     }
///     if numbers.len() <= 100 {
///         if numbers.contains(&wanted) {
///             found.cancel();
///         }
///         return;
///     }
///     let (left, right) = numbers.split_at(numbers.len() / 2);
///     scheduler::join(|| search(left, wanted, found), || search(right, wanted, found));
/// }
///
/// let numbers: Vec<u32> = (0..10_000).collect();
/// let found = CancellationToken::new();
/// found.run(|| search(&numbers, 77, &found));
/// assert!(found.is_cancelled());
/// ```
pub struct CancellationToken(Arc<Node>);

struct Node {
    /// Written under the lock, read by anybody.
    cancelled: AtomicBool,
    /// The handles that users have, and the children.
    handles: AtomicUsize,
    /// When it will be cancelled, by itself or by an ancestor.
    deadline: Option<Instant>,
    state: Mutex<State>,
}

struct State {
    /// Counted among its handles.
    parent: Option<Arc<Node>>,
    /// In the parent's list.
    key: usize,
    children: Slots<Arc<Node>>,
    waiters: Slots<Waiter>,
    /// To be called when nobody has the node any more.
    at_end: Option<Box<dyn FnOnce() + Send>>,
}

/// Who is told of a cancellation.
pub(crate) enum Waiter {
    Latch(Arc<Latch>),
    Waker(Waker),
}

impl Waiter {
    fn tell(self) {
        match self {
            // SAFETY: the `Arc` keeps the latch alive during the call.
            Self::Latch(latch) => unsafe { Latch::set(&raw const *latch) },
            Self::Waker(waker) => waker.wake(),
        }
    }
}

impl Node {
    fn new(parent: Option<Arc<Node>>, deadline: Option<Instant>) -> Self {
        let state =
            State { parent, key: 0, children: Slots::new(), waiters: Slots::new(), at_end: None };
        Self {
            cancelled: AtomicBool::new(false),
            handles: AtomicUsize::new(1),
            deadline,
            state: Mutex::new(state),
        }
    }

    #[inline]
    fn is_cancelled(&self) -> bool {
        // Ordering: Acquire, with the Release in `cancel`: what its caller did before is visible.
        self.cancelled.load(fault::unless(Fault::TokenReadRelaxed, Ordering::Acquire))
    }

    /// Runs `f` on the state, unless the node is cancelled.
    fn if_active<R>(&self, skips: Fault, f: impl FnOnce(&mut State) -> R) -> Option<R> {
        let mut state = self.state.lock().unwrap();
        // Relaxed: written under the lock.
        if self.cancelled.load(Ordering::Relaxed) && !fault::is(skips) {
            return None;
        }
        Some(f(&mut state))
    }

    fn add_handle(&self) {
        // Relaxed: it hands nothing on.
        self.handles.fetch_add(1, Ordering::Relaxed);
    }

    /// Drops a handle. The last one takes the node out of the tree and returns its parent, of which
    /// a handle is then to be dropped as well.
    fn drop_handle(&self) -> Option<Arc<Node>> {
        // Relaxed: what the last one looks at is under the locks, and the `Arc` orders the end.
        if self.handles.fetch_sub(1, Ordering::Relaxed) != 1 {
            return None;
        }
        let (parent, key, at_end) = {
            let mut state = self.state.lock().unwrap();
            (state.parent.take()?, state.key, state.at_end.take())
        };
        if let Some(at_end) = at_end {
            at_end();
        }
        if !fault::is(Fault::TokenChildStays) {
            let entry = parent.state.lock().unwrap().children.remove(key);
            drop(entry);
        }
        Some(parent)
    }
}

/// Marks a node and its descendants as cancelled, and returns who is to be told.
fn mark(first: Arc<Node>) -> Vec<Waiter> {
    let mut waiters = Vec::new();
    // Not a recursion: a tree may be deep.
    let mut nodes = vec![first];
    while let Some(node) = nodes.pop() {
        let mut state = node.state.lock().unwrap();
        // Ordering: Release, with the Acquire in `is_cancelled`.
        node.cancelled.store(true, fault::unless(Fault::TokenCancelRelaxed, Ordering::Release));
        nodes.extend(state.children.take_all());
        waiters.extend(state.waiters.take_all());
    }
    waiters
}

fn cancel(node: &Arc<Node>) {
    if node.is_cancelled() {
        return;
    }
    let mut first: Option<Payload> = None;
    for waiter in mark(Arc::clone(node)) {
        match (unwind::catch(|| waiter.tell()), &first) {
            (Ok(()), _) => {}
            (Err(payload), None) => first = Some(payload),
            (Err(payload), Some(_)) => unwind::drop_quietly(payload),
        }
    }
    if let Some(payload) = first {
        unwind::resume(payload);
    }
}

impl CancellationToken {
    /// A token that nothing cancels but its own [`cancel`](Self::cancel).
    ///
    /// # Examples
    ///
    /// ```
    /// let token = scheduler::CancellationToken::new();
    /// let same = token.clone();
    /// same.cancel();
    /// assert!(token.is_cancelled());
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Node::new(None, None)))
    }

    /// A token that is cancelled when this one is, at the latest.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::CancellationToken;
    ///
    /// let server = CancellationToken::new();
    /// let (first, second) = (server.child_token(), server.child_token());
    /// first.cancel();
    /// assert!(first.is_cancelled() && !second.is_cancelled() && !server.is_cancelled());
    /// server.cancel();
    /// assert!(second.is_cancelled() && server.child_token().is_cancelled());
    /// ```
    #[must_use]
    pub fn child_token(&self) -> Self {
        self.child(self.0.deadline)
    }

    /// A child with a deadline to show.
    pub(super) fn child(&self, deadline: Option<Instant>) -> Self {
        let parent = &self.0;
        let child = Arc::new(Node::new(Some(Arc::clone(parent)), deadline));
        parent.add_handle();
        let listed = parent
            .if_active(Fault::TokenChildUnseen, |state| state.children.insert(Arc::clone(&child)));
        match listed {
            // Nobody else has the child yet but through that list, and then only to cancel it.
            Some(key) => child.state.lock().unwrap().key = key,
            None => drop(mark(Arc::clone(&child))),
        }
        Self(child)
    }

    /// Cancels this token and all of its descendants, and tells whoever waits for them. A second
    /// call does nothing.
    ///
    /// When it returns, all of them say that they are cancelled; before, a token may say so a moment
    /// earlier than those below it. If two threads call it at once, this holds when both have
    /// returned. Whoever waits is told when all of them are marked.
    ///
    /// # Panics
    ///
    /// If a waker panics that was given to [`cancelled`](Self::cancelled): after all have been
    /// called, with the first of the panics.
    ///
    /// # On a worker
    ///
    /// As anywhere else: it waits for nobody.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{CancellationToken, task};
    ///
    /// let token = CancellationToken::new();
    /// let task = token.clone();
    /// let handle = scheduler::spawn(move || {
    ///     task.run(|| {
    ///         let mut rounds = 0u64;
    ///         while task::checkpoint().is_ok() {
    ///             rounds += 1;
    ///         }
    ///         rounds
    ///     })
    /// });
    /// token.cancel();
    /// println!("it stopped after {} rounds", handle.join()?);
    /// # Ok::<(), scheduler::JoinError>(())
    /// ```
    pub fn cancel(&self) {
        cancel(&self.0);
    }

    /// Whether this token, or an ancestor of it, has been cancelled: one load. If so, what the
    /// canceller did before is visible to the caller.
    ///
    /// # Examples
    ///
    /// ```
    /// let token = scheduler::CancellationToken::new();
    /// let done = (0..1_000_000)
    ///     .take_while(|&n| {
    ///         if n == 1000 {
    ///             token.cancel();
    ///         }
    ///         !token.is_cancelled()
    ///     })
    ///     .count();
    /// assert_eq!(done, 1000);
    /// ```
    #[inline]
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }

    /// A future that is ready when the token is cancelled. It needs no runtime; any executor can
    /// poll it. Dropped early, it leaves nothing behind.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::pin::pin;
    /// use std::task::{Context, Poll, Waker};
    ///
    /// let token = scheduler::CancellationToken::new();
    /// let mut cancelled = pin!(token.cancelled());
    /// let mut context = Context::from_waker(Waker::noop());
    /// assert_eq!(cancelled.as_mut().poll(&mut context), Poll::Pending);
    /// token.cancel();
    /// assert_eq!(cancelled.as_mut().poll(&mut context), Poll::Ready(()));
    /// ```
    pub fn cancelled(&self) -> WaitForCancellationFuture<'_> {
        WaitForCancellationFuture::new(self)
    }

    /// Cancels the token when the guard is dropped, so also when a panic leaves the block. The drop
    /// panics where [`cancel`](Self::cancel) does.
    ///
    /// # Examples
    ///
    /// ```
    /// let token = scheduler::CancellationToken::new();
    /// {
    ///     let _guard = token.clone().drop_guard();
    ///     assert!(!token.is_cancelled());
    /// }
    /// assert!(token.is_cancelled());
    /// ```
    pub fn drop_guard(self) -> DropGuard {
        DropGuard::new(self)
    }

    /// See `deadline`.
    pub(super) fn until(&self) -> Option<Instant> {
        self.0.deadline
    }

    /// What cancels the token, without being a handle of it.
    pub(super) fn canceller(&self) -> impl FnOnce() + Send + use<> {
        let node = Arc::clone(&self.0);
        move || cancel(&node)
    }

    /// Has `f` called when the last handle is gone. Once.
    pub(super) fn at_end(&self, f: Box<dyn FnOnce() + Send>) {
        let mut state = self.0.state.lock().unwrap();
        debug_assert!(state.at_end.is_none(), "once");
        state.at_end = Some(f);
    }

    /// Its key. `None`: the token is cancelled, and nobody will tell the waiter.
    pub(crate) fn add_waiter(&self, waiter: Waiter) -> Option<usize> {
        let mut waiter = Some(waiter);
        // What is not taken is dropped here, outside the lock.
        self.0.if_active(Fault::TokenWaiterUnseen, |state| {
            state.waiters.insert(waiter.take().expect("taken once"))
        })
    }

    /// Returns the one that was there, or the new one if the token is cancelled.
    pub(super) fn replace_waiter(&self, key: usize, waiter: Waiter) -> Waiter {
        let mut state = self.0.state.lock().unwrap();
        match state.waiters.get_mut(key) {
            Some(entry) => std::mem::replace(entry, waiter),
            None => waiter,
        }
    }

    /// `None`: it has been told, or is about to be.
    pub(crate) fn remove_waiter(&self, key: usize) -> Option<Waiter> {
        self.0.state.lock().unwrap().waiters.remove(key)
    }

    /// How many children and waiters it lists.
    #[cfg(any(test, scheduler_loom))]
    pub(crate) fn listed(&self) -> (usize, usize) {
        let state = self.0.state.lock().unwrap();
        (state.children.len(), state.waiters.len())
    }
}

// Whatever panics does so outside the locks, where nothing is half-done.
impl UnwindSafe for CancellationToken {}
impl RefUnwindSafe for CancellationToken {}

impl Clone for CancellationToken {
    fn clone(&self) -> Self {
        self.0.add_handle();
        Self(Arc::clone(&self.0))
    }
}

impl Drop for CancellationToken {
    fn drop(&mut self) {
        // Not a recursion: each ancestor may hang on by this one alone.
        let mut next = self.0.drop_handle();
        while let Some(node) = next {
            next = node.drop_handle();
        }
    }
}

impl Default for CancellationToken {
    fn default() -> Self {
        Self::new()
    }
}

/// How long it is until then.
fn remaining(deadline: Instant) -> Duration {
    let now = Instant::now();
    if deadline > now { deadline - now } else { Duration::ZERO }
}

impl fmt::Debug for CancellationToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancellationToken")
            .field("cancelled", &self.is_cancelled())
            .field("remaining", &self.0.deadline.map(remaining))
            .finish()
    }
}

#[cfg(all(test, not(any(scheduler_loom, scheduler_shuttle))))]
mod tests {
    use super::CancellationToken;
    use std::sync::Arc;
    use std::time::Duration;

    #[test]
    fn children_leave_nothing_in_their_parent() {
        let token = CancellationToken::new();
        let children: Vec<_> = (0..10).map(|_| token.child_token()).collect();
        assert_eq!(token.listed(), (10, 0));
        let below = children[3].child_token();
        drop(children);
        assert_eq!(token.listed(), (1, 0), "one still has a child of its own");
        drop(below);
        assert_eq!(token.listed(), (0, 0));
        token.cancel();
        drop(token.child_token());
        assert_eq!(token.listed(), (0, 0));
    }

    #[test]
    fn a_token_that_goes_leaves_nothing_in_the_timer() {
        let token = CancellationToken::new().with_timeout(Duration::from_secs(3600));
        let node = Arc::downgrade(&token.0);
        let below = token.child_token();
        drop(token);
        assert!(node.upgrade().is_some());
        drop(below);
        assert!(node.upgrade().is_none());
    }
}
