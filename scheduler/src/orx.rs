//! The pool as one of `orx-parallel`, whose parallel iterators then run on its workers.
//!
//! An iterator spawns as many parts as the pool has workers, at most, into one scope, and each part takes
//! items from a shared source until there are none. So a computation is a scope like any other: what
//! holds for [`ThreadPool::scope`] holds for it.

use crate::fork::Scope;
use crate::pool::ThreadPool;
use std::num::NonZeroUsize;

/// Parallel iterators on this pool: `.runner(Runner::adaptive_with_pool(&pool))`.
///
/// As many closures run at a time as the pool has workers, or fewer if `num_threads` of the iterator says
/// so; `ORX_NUM_THREADS` is not looked at. A panic in a closure of the iterator reaches the caller once
/// all parts have ended, and the pool goes on.
///
/// # Panics
///
/// The computation panics if the pool has been shut down, unless it was asked to be
/// sequential, with `num_threads(1)`: then it does not use the pool.
///
/// # On a worker
///
/// Of this pool: it takes part in the computation, and runs other jobs while it waits for the rest. Of
/// another pool: as [`ThreadPool::install`]. So iterators can be nested.
///
/// # Examples
///
/// ```
/// use orx_parallel::{IntoParIter, IterIntoParIter, Par, Parallelizable, Runner};
///
/// let pool = scheduler::ThreadPool::new(2)?;
/// let squares: Vec<usize> =
///     (0..1000_usize).par().runner(Runner::adaptive_with_pool(&pool)).map(|n| n * n).collect();
/// assert_eq!(squares[999], 998_001);
///
/// let words = vec!["to", "be", "or", "not"];
/// let lengths = words.into_par().runner(Runner::adaptive_with_pool(scheduler::global()));
/// assert_eq!(lengths.map(str::len).sum(), 9);
/// # Ok::<(), scheduler::BuildError>(())
/// ```
#[cfg_attr(docsrs, doc(cfg(feature = "orx")))]
impl orx_parallel::ThreadPool for ThreadPool {
    // What is spawned is good for all of 'env, which outlives each scope: so the scope's own
    // lifetime, which `ThreadPool::scope` chooses, can be the shortest one, 's.
    type ScopeRef<'s, 'env, 'scope>
        = &'s Scope<'s, 'env>
    where
        'scope: 's,
        'env: 'scope + 's;

    fn scope<'env, 'scope, F>(&'env self, f: F)
    where
        'env: 'scope,
        for<'s> F: FnOnce(&'s Scope<'s, 'env>) + Send,
    {
        ThreadPool::scope(self, f);
    }

    fn max_num_threads(&self) -> NonZeroUsize {
        NonZeroUsize::new(self.current_num_threads()).unwrap_or(NonZeroUsize::MIN)
    }
}

/// The same for a runner that borrows the pool.
#[cfg_attr(docsrs, doc(cfg(feature = "orx")))]
impl orx_parallel::ThreadPool for &ThreadPool {
    type ScopeRef<'s, 'env, 'scope>
        = &'s Scope<'s, 'env>
    where
        'scope: 's,
        'env: 'scope + 's;

    fn scope<'env, 'scope, F>(&'env self, f: F)
    where
        'env: 'scope,
        for<'s> F: FnOnce(&'s Scope<'s, 'env>) + Send,
    {
        ThreadPool::scope(self, f);
    }

    fn max_num_threads(&self) -> NonZeroUsize {
        orx_parallel::ThreadPool::max_num_threads(*self)
    }
}

#[cfg_attr(docsrs, doc(cfg(feature = "orx")))]
impl<'s, 'env, 'scope> orx_parallel::Scope<'s, 'env, 'scope> for &'s Scope<'s, 'env> {
    fn run<W>(self, work: W)
    where
        'scope: 's,
        'env: 'scope + 's,
        W: FnOnce() + Send + 'scope + 'env,
    {
        self.fork(work);
    }
}
