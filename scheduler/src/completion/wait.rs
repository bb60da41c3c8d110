//! Waiting for some or all of several handles, without taking their values.

use super::finishing::Finishing;
use super::ready::after;
use crate::task::JoinHandle;
use std::time::Duration;

/// When [`wait`] returns; as `return_when` of Python's `concurrent.futures.wait`.
///
/// # Examples
///
/// ```
/// use scheduler::{WaitUntil, wait};
/// use std::sync::mpsc;
///
/// let pool = scheduler::ThreadPool::new(2)?;
/// let (go, gone) = mpsc::channel::<()>();
/// let good = pool.spawn(move || drop(gone.recv()));
/// let bad = pool.spawn(|| panic!("no such file"));
/// let waited = wait([good, bad], WaitUntil::FirstException, None);
/// assert_eq!((waited.done.len(), waited.not_done.len()), (1, 1));
/// drop(go);
/// # Ok::<(), scheduler::BuildError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitUntil {
    /// When one closure has finished.
    FirstCompleted,
    /// When one has panicked; if none does, when all have finished. As in Python, one that was aborted, or
    /// never ran for another reason, is no exception.
    FirstException,
    /// When all have finished.
    All,
}

/// What [`wait`] returns: the handles, each with its place in the input, in the order of the input.
///
/// # Examples
///
/// ```
/// use scheduler::{WaitUntil, Waited, wait};
///
/// let handles = ["to", "be"].map(|word| scheduler::spawn(move || word.len()));
/// let Waited { done, not_done, .. } = wait(handles, WaitUntil::All, None);
/// assert!(not_done.is_empty());
/// for (index, handle) in done {
///     println!("{index}: {}", handle.join().unwrap());
/// }
/// ```
#[derive(Debug)]
#[non_exhaustive]
#[must_use = "it has the handles"]
pub struct Waited<T> {
    /// Those whose closures have finished, or will never run: [`join`](JoinHandle::join) returns at once.
    pub done: Vec<(usize, JoinHandle<T>)>,
    /// The others.
    pub not_done: Vec<(usize, JoinHandle<T>)>,
}

/// Waits for one or all of these handles, at most for `timeout` (`None`: as long as it takes), and gives all
/// of them back.
///
/// `done` has all that have finished when it returns, which can be more than was asked for. With a `timeout` of zero it
/// only sorts them. A handle cannot be in the input twice, since it has one owner.
///
/// # Panics
///
/// If taking the handles from the iterator panics.
///
/// # On a worker
///
/// Runs other jobs meanwhile, each to its end: it returns later if one of them takes longer. Any other thread
/// blocks.
///
/// # Examples
///
/// ```
/// use scheduler::WaitUntil;
/// use std::time::Duration;
///
/// let pool = scheduler::ThreadPool::new(2)?;
/// let (go, gone) = std::sync::mpsc::channel();
/// let slow = pool.spawn(move || gone.recv().map_or(0, |()| 10));
/// let fast = pool.spawn(|| 20);
///
/// let waited = scheduler::wait([slow, fast], WaitUntil::FirstCompleted, None);
/// let (index, handle) = waited.done.into_iter().next().unwrap();
/// assert_eq!((index, handle.join()?), (1, 20));
///
/// let rest = waited.not_done.into_iter().map(|(_, handle)| handle);
/// let waited = scheduler::wait(rest, WaitUntil::All, Some(Duration::ZERO));
/// assert_eq!((waited.done.len(), waited.not_done.len()), (0, 1));
/// go.send(())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn wait<T>(
    handles: impl IntoIterator<Item = JoinHandle<T>>,
    until: WaitUntil,
    timeout: Option<Duration>,
) -> Waited<T> {
    let deadline = timeout.and_then(after);
    let mut left: Finishing<T> = handles.into_iter().collect();
    let mut waited = Waited { done: Vec::new(), not_done: Vec::new() };
    while let Some((index, mut handle)) = left.next(deadline) {
        let enough = match until {
            WaitUntil::FirstCompleted => true,
            WaitUntil::FirstException => handle.has_panicked(),
            WaitUntil::All => false,
        };
        waited.done.push((index, handle));
        if enough {
            break;
        }
    }
    for (index, mut handle) in left.take_all() {
        handle.forget_watcher();
        if handle.is_finished() {
            waited.done.push((index, handle));
        } else {
            waited.not_done.push((index, handle));
        }
    }
    waited.done.sort_unstable_by_key(|&(index, _)| index);
    waited
}
