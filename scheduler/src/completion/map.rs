//! A function on every item of an iterator, on the workers, with the results as an iterator.

use super::finishing::Aborting;
use crate::job::error::JoinError;
use crate::pool::ThreadPool;
use crate::pool::global::current;
use crate::sync::Arc;
use crate::task::{AbortOnDrop, JoinHandle, Submit};
use crate::unwind;
use std::collections::VecDeque;
use std::fmt;
use std::iter::{Fuse, FusedIterator};
use std::panic::Location;

/// Where the closures come from.
struct Source<I: Iterator, T> {
    items: Fuse<I>,
    submit: Box<dyn Fn(I::Item) -> JoinHandle<T> + Send + Sync>,
    window: usize,
}

impl<I: Iterator, T> Source<I, T> {
    fn new<S, F>(on: S, items: I, f: F, site: &'static Location<'static>) -> Self
    where
        S: Submit + Send + Sync + 'static,
        I::Item: Send + 'static,
        F: Fn(I::Item) -> T + Send + Sync + 'static,
        T: Send + 'static,
    {
        // Twice: each worker has its next item while the caller looks at a result.
        let window = on.width().saturating_mul(2);
        let f = Arc::new(f);
        let submit = move |item| {
            let f = Arc::clone(&f);
            on.submit(move || f(item), site)
        };
        Self { items: items.fuse(), submit: Box::new(submit), window }
    }

    /// Submits one item more, if the window has room beside `pending`, and there is one.
    fn draw(&mut self, pending: usize) -> Option<JoinHandle<T>> {
        if pending >= self.window {
            return None;
        }
        Some((self.submit)(self.items.next()?))
    }

    fn size_hint(&self, pending: usize) -> (usize, Option<usize>) {
        let (least, most) = self.items.size_hint();
        let most = most.and_then(|most| most.checked_add(pending));
        (least.saturating_add(pending), most)
    }
}

/// The value, or the panic.
fn value<T>(result: Result<T, JoinError>) -> T {
    match result.map_err(JoinError::try_into_panic) {
        Ok(value) => value,
        Err(Ok(payload)) => unwind::resume(payload),
        Err(Err(error)) => panic!("{error}"),
    }
}

/// Calls `f` with each item on the workers of the current pool (the calling worker's, else the global one), and
/// returns the values in the order of the items.
///
/// It draws items as their results are asked for, never more than its [window](Map::window) ahead. So `items` can be endless,
/// and slow callers do not pile up results. Nothing is drawn before the first call of `next`. For borrowed items, see
/// [`scope`](crate::scope).
///
/// # Panics
///
/// Outside any pool, if the global pool cannot be built. `next` panics with the panic of `f`, when it is that item's turn;
/// the call after it goes on with the next item. It also panics if `f` was not called since the pool has been shut down, and
/// where drawing an item does: then what had been drawn before comes in the calls after that.
///
/// # Cancellation
///
/// The calls of `f` do not carry the [token](crate::CancellationToken::run) of the caller's task. Dropping the iterator
/// [aborts](crate::JoinHandle::abort) them.
///
/// # On a worker
///
/// `next` runs other jobs until its result is there. Any other thread blocks.
///
/// # Examples
///
/// ```
/// let squares = scheduler::map(0u64.., |n| n * n);
/// let odd = squares.filter(|n| n % 2 == 1).take(4);
/// assert!(odd.eq([1, 9, 25, 49]));
/// ```
#[track_caller]
pub fn map<I, F, T>(items: I, f: F) -> Map<I::IntoIter, T>
where
    I: IntoIterator<Item: Send + 'static>,
    F: Fn(I::Item) -> T + Send + Sync + 'static,
    T: Send + 'static,
{
    Map::new(current(), items, f, Location::caller())
}

/// As [`map`], but the values come in the order in which they are ready.
///
/// # Panics
///
/// As [`map`].
///
/// # On a worker
///
/// As [`map`].
///
/// # Examples
///
/// ```
/// let total: u32 = scheduler::map_unordered(["to", "be", "or"], |word| word.len() as u32).sum();
/// assert_eq!(total, 6);
/// ```
#[track_caller]
pub fn map_unordered<I, F, T>(items: I, f: F) -> MapUnordered<I::IntoIter, T>
where
    I: IntoIterator<Item: Send + 'static>,
    F: Fn(I::Item) -> T + Send + Sync + 'static,
    T: Send + 'static,
{
    MapUnordered::new(current(), items, f, Location::caller())
}

impl ThreadPool {
    /// [`map`] on this pool. The iterator may outlive the pool; `next` panics then.
    ///
    /// # Panics
    ///
    /// As [`map`], but for the global pool.
    ///
    /// # On a worker
    ///
    /// As there. A worker of another pool runs the jobs of that one meanwhile.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = scheduler::ThreadPool::new(2)?;
    /// let lengths: Vec<usize> = pool.map(["work", "stealing"], str::len).collect();
    /// assert_eq!(lengths, [4, 8]);
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    #[track_caller]
    pub fn map<I, F, T>(&self, items: I, f: F) -> Map<I::IntoIter, T>
    where
        I: IntoIterator<Item: Send + 'static>,
        F: Fn(I::Item) -> T + Send + Sync + 'static,
        T: Send + 'static,
    {
        Map::new(Arc::clone(self.registry()), items, f, Location::caller())
    }

    /// [`map_unordered`] on this pool; see [`map`](Self::map).
    ///
    /// # Panics
    ///
    /// As there.
    ///
    /// # On a worker
    ///
    /// As there.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = scheduler::ThreadPool::new(2)?;
    /// let even = pool.map_unordered(0..1000, |n| (n, n % 2 == 0)).filter(|(_, even)| *even);
    /// assert_eq!(even.map(|(n, _)| n).max(), Some(998));
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    #[track_caller]
    pub fn map_unordered<I, F, T>(&self, items: I, f: F) -> MapUnordered<I::IntoIter, T>
    where
        I: IntoIterator<Item: Send + 'static>,
        F: Fn(I::Item) -> T + Send + Sync + 'static,
        T: Send + 'static,
    {
        MapUnordered::new(Arc::clone(self.registry()), items, f, Location::caller())
    }
}

/// The values of [`map`], in the order of the items. Dropping it [aborts](crate::JoinHandle::abort) what has not begun to
/// run, and detaches what runs, which is asked to stop.
///
/// # Examples
///
/// ```
/// use scheduler::Map;
///
/// // Lines in, lengths out: the caller need not know how.
/// fn lengths(text: &'static str) -> Map<std::str::Lines<'static>, usize> {
///     scheduler::map(text.lines(), str::len)
/// }
///
/// assert_eq!(lengths("to\nbe or\nnot").collect::<Vec<_>>(), [2, 5, 3]);
/// ```
#[must_use = "iterators do nothing unless consumed"]
pub struct Map<I: Iterator, T> {
    source: Source<I, T>,
    pending: VecDeque<AbortOnDrop<T>>,
}

impl<I: Iterator, T> Map<I, T> {
    pub(crate) fn new<S, C, F>(on: S, items: C, f: F, site: &'static Location<'static>) -> Self
    where
        S: Submit + Send + Sync + 'static,
        C: IntoIterator<IntoIter = I, Item = I::Item>,
        I::Item: Send + 'static,
        F: Fn(I::Item) -> T + Send + Sync + 'static,
        T: Send + 'static,
    {
        Self { source: Source::new(on, items.into_iter(), f, site), pending: VecDeque::new() }
    }

    /// How many items may have been drawn whose values have not been returned: twice the number of workers
    /// unless this is called; 0 is taken as 1.
    ///
    /// Larger: results that differ much in cost keep all workers busy. Smaller: less memory, and less done in
    /// vain if the caller stops.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::atomic::{AtomicUsize, Ordering};
    ///
    /// static DRAWN: AtomicUsize = AtomicUsize::new(0);
    /// let items = (0..100).inspect(|_| _ = DRAWN.fetch_add(1, Ordering::Relaxed));
    /// let mut squares = scheduler::map(items, |n| n * n).window(3);
    /// assert_eq!(squares.next(), Some(0));
    /// assert_eq!(DRAWN.load(Ordering::Relaxed), 3);
    /// ```
    pub fn window(mut self, items: usize) -> Self {
        self.source.window = items.max(1);
        self
    }
}

impl<I: Iterator, T> Iterator for Map<I, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        while let Some(handle) = self.source.draw(self.pending.len()) {
            self.pending.push_back(handle.abort_on_drop());
        }
        self.pending.pop_front().map(|handle| value(handle.join()))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.source.size_hint(self.pending.len())
    }
}

impl<I: ExactSizeIterator, T> ExactSizeIterator for Map<I, T> {}

impl<I: Iterator, T> FusedIterator for Map<I, T> {}

impl<I: Iterator, T> fmt::Debug for Map<I, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Map")
            .field("window", &self.source.window)
            .field("pending", &self.pending.len())
            .finish_non_exhaustive()
    }
}

/// The values of [`map_unordered`], as they become ready. Dropping it [aborts](crate::JoinHandle::abort) what has not
/// begun to run, and detaches what runs, which is asked to stop.
///
/// # Examples
///
/// The first hit ends the search:
///
/// ```
/// let is_prime = |n: u64| (2..n).take_while(|d| d * d <= n).all(|d| n % d != 0);
/// let mut tested = scheduler::map_unordered(1_000_000.., move |n| (n, is_prime(n)));
/// let (prime, _) = tested.find(|(_, prime)| *prime).unwrap();
/// assert!(prime >= 1_000_003);
/// drop(tested);
/// ```
#[must_use = "iterators do nothing unless consumed"]
pub struct MapUnordered<I: Iterator, T> {
    source: Source<I, T>,
    pending: Aborting<T>,
}

impl<I: Iterator, T> MapUnordered<I, T> {
    pub(crate) fn new<S, C, F>(on: S, items: C, f: F, site: &'static Location<'static>) -> Self
    where
        S: Submit + Send + Sync + 'static,
        C: IntoIterator<IntoIter = I, Item = I::Item>,
        I::Item: Send + 'static,
        F: Fn(I::Item) -> T + Send + Sync + 'static,
        T: Send + 'static,
    {
        Self { source: Source::new(on, items.into_iter(), f, site), pending: Aborting::new() }
    }

    /// As [`Map::window`].
    ///
    /// # Examples
    ///
    /// ```
    /// let sum: u64 = scheduler::map_unordered(1..=100u64, |n| n * n).window(100).sum();
    /// assert_eq!(sum, 338_350);
    /// ```
    pub fn window(mut self, items: usize) -> Self {
        self.source.window = items.max(1);
        self
    }
}

impl<I: Iterator, T> Iterator for MapUnordered<I, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        while let Some(handle) = self.source.draw(self.pending.len()) {
            self.pending.push(handle);
        }
        self.pending.next(None).map(|(_, handle)| value(handle.join()))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.source.size_hint(self.pending.len())
    }
}

impl<I: ExactSizeIterator, T> ExactSizeIterator for MapUnordered<I, T> {}

impl<I: Iterator, T> FusedIterator for MapUnordered<I, T> {}

impl<I: Iterator, T> fmt::Debug for MapUnordered<I, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapUnordered")
            .field("window", &self.source.window)
            .field("pending", &self.pending.len())
            .finish_non_exhaustive()
    }
}
