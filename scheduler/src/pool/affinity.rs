//! Which worker runs on which core.
//!
//! The cores of the calling thread's mask are listed, so containers and `taskset` are respected.
//! `core_affinity` aborts the process on an id of 1024 or more, so ids are checked here before one
//! gets that far.

use super::error::{BuildError, Kind};
#[cfg(feature = "affinity")]
use crate::sync::mask;
use crate::sync::{StaticMutex, thread};
#[cfg(feature = "affinity")]
use core_affinity::CoreId;

/// `core_affinity`'s own mask ends here.
const CORE_LIMIT: usize = 1024;

/// Where pinning has an effect, and the threads that a pinned worker starts can be freed of its core:
/// see `sync/mask.rs`.
const AUTO: bool = cfg!(any(target_os = "linux", windows));

/// Whether workers are bound to cores.
///
/// The cores are listed once, by the thread that builds the pool, and only those that this
/// thread may run on count. A thread that a *pinned worker* starts inherits its one-core mask,
/// and sees an `available_parallelism` of 1: build further pools from elsewhere.
///
/// If the system then refuses to pin a worker, it runs unpinned, and
/// [`Metrics::pinned`](crate::Metrics::pinned) says so.
///
/// On Linux, a thread outside that blocks until its closure has run, as in
/// [`install`](crate::ThreadPool::install), rather wakes a worker that is bound to the core on which that
/// thread is: it is free meanwhile, and awake.
///
/// # Examples
///
/// ```
/// use scheduler::{Pinning, ThreadPool};
///
/// // Leaves all but one core to others. `Off` would let the workers move.
/// # #[cfg(all(feature = "affinity", target_os = "linux"))] {
/// let pool = ThreadPool::builder().num_threads(2).pinning(Pinning::Cores(vec![0])).build();
/// match pool {
///     Ok(pool) => println!("both on core {:?}", pool.metrics().workers[0].pinned_to),
///     Err(error) => println!("{error}"), // this thread may not run on core 0
/// }
/// # }
/// let unpinned = ThreadPool::builder().num_threads(2).pinning(Pinning::Off).build()?;
/// assert!(!unpinned.metrics().pinned());
/// # Ok::<(), scheduler::BuildError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pinning {
    /// One core for each worker if there are as many workers as cores, and no CPU quota
    /// (of a container, say) allows less; else no pinning. The quota is that of the first time that a
    /// pool of this size was built. Without the feature `affinity`, and on other systems than Linux and
    /// Windows, the same as `Off`.
    #[default]
    Auto,
    /// Workers run where the system puts them.
    Off,
    /// Worker *i* is bound to the *i*-th core of the list, from the start again when it ends. An empty
    /// list, a core that the building thread may not run on, and any list without the feature
    /// `affinity` make [`build`](crate::ThreadPoolBuilder::build) fail.
    Cores(Vec<usize>),
}

/// A core for each worker, or none for all.
#[derive(Debug)]
pub(crate) struct Plan(Option<Vec<usize>>);

impl Plan {
    /// Checks what was asked for. Called on the thread that builds the pool.
    pub(crate) fn new(pinning: &Pinning, workers: usize) -> Result<Self, BuildError> {
        match pinning {
            Pinning::Off => Ok(Self(None)),
            Pinning::Auto => {
                let listed = listed_cores().unwrap_or_default();
                let all = AUTO
                    && listed.len() == workers
                    && listed.iter().all(|&core| core < CORE_LIMIT)
                    && parallelism_of(workers) >= workers;
                Ok(Self(all.then_some(listed)))
            }
            Pinning::Cores(cores) => {
                if cores.is_empty() {
                    return Err(Kind::NoCores.into());
                }
                if let Some(&core) = cores.iter().find(|&&core| core >= CORE_LIMIT) {
                    return Err(Kind::CoreTooLarge(core).into());
                }
                let listed = listed_cores().ok_or(Kind::NoAffinity)?;
                if let Some(&core) = cores.iter().find(|core| !listed.contains(core)) {
                    return Err(Kind::CoreNotListed { core, listed }.into());
                }
                Ok(Self(Some(cores.clone())))
            }
        }
    }

    /// Whether workers are bound to cores.
    pub(crate) fn pins(&self) -> bool {
        self.0.is_some()
    }

    /// The core of a worker.
    pub(crate) fn core(&self, worker: usize) -> Option<usize> {
        self.0.as_ref().map(|cores| cores[worker % cores.len()])
    }

    /// Those of so many workers; none if they are not bound.
    pub(crate) fn cores(&self, workers: usize) -> Box<[usize]> {
        (0..workers).map_while(|worker| self.core(worker)).collect()
    }
}

/// The cores that the calling thread may run on; `None` if that cannot be told.
#[cfg(feature = "affinity")]
fn listed_cores() -> Option<Vec<usize>> {
    let ids = || core_affinity::get_core_ids();
    mask::cores().or_else(|| Some(ids()?.into_iter().map(|core| core.id).collect()))
}
#[cfg(not(feature = "affinity"))]
fn listed_cores() -> Option<Vec<usize>> {
    None
}

/// How many of its `cores` the calling thread may use at a time. A quota is looked up once for each number
/// of cores: the system has it in files.
fn parallelism_of(cores: usize) -> usize {
    static LAST: StaticMutex<Option<(usize, usize)>> = StaticMutex::new(None);
    let mut last = LAST.lock().unwrap();
    match *last {
        Some((of, parallelism)) if of == cores => parallelism,
        _ => {
            let parallelism = thread::available_parallelism().map_or(1, |n| n.get());
            *last = Some((cores, parallelism));
            parallelism
        }
    }
}

/// Binds the calling thread to a core that was listed. False if the system refuses.
#[cfg(feature = "affinity")]
pub(crate) fn pin_current_thread(core: usize) -> bool {
    core_affinity::set_for_current(CoreId { id: core })
}
#[cfg(not(feature = "affinity"))]
pub(crate) fn pin_current_thread(_: usize) -> bool {
    false
}

#[cfg(all(test, feature = "affinity"))]
mod tests {
    use super::{listed_cores, pin_current_thread};

    fn by_core_affinity() -> Option<Vec<usize>> {
        Some(core_affinity::get_core_ids()?.into_iter().map(|core| core.id).collect())
    }

    #[test]
    fn the_cores_are_those_that_core_affinity_lists() {
        let listed = listed_cores();
        assert_eq!(listed, by_core_affinity());
        for core in listed.into_iter().flatten() {
            // Where that is a mere wish, or refused, all of them are listed still.
            pin_current_thread(core);
            assert_eq!(listed_cores(), by_core_affinity());
        }
    }
}
