//! Why a pool could not be built.

use std::fmt;
use std::io;

/// Why [`ThreadPoolBuilder::build`](crate::ThreadPoolBuilder::build),
/// [`ElasticBuilder::build`](crate::ElasticBuilder::build) or
/// [`ExecutorBuilder::build`](crate::ExecutorBuilder::build) failed. Nothing has been started then, or
/// what was started has ended. If the system did not spawn a thread, its error is the
/// [`source`](std::error::Error::source).
///
/// # Examples
///
/// ```
/// let error = scheduler::ThreadPool::builder().num_threads(70_000).build().unwrap_err();
/// assert_eq!(error.to_string(), "70000 threads are too many: a pool has at most 65535");
/// ```
#[derive(Debug)]
pub struct BuildError(Kind);

#[derive(Debug)]
pub(crate) enum Kind {
    TooManyThreads(usize),
    Variable {
        name: &'static str,
        value: String,
    },
    NoCores,
    CoreNotListed {
        core: usize,
        listed: Vec<usize>,
    },
    CoreTooLarge(usize),
    #[cfg_attr(feature = "affinity", allow(dead_code))]
    NoAffinity,
    ThreadName(usize),
    Spawn {
        index: usize,
        threads: usize,
        error: io::Error,
    },
    GlobalExists,
    NoThreads,
    MaxBelowCore {
        core: usize,
        max: usize,
    },
    ThreadNames,
    NoCapacity,
}

impl From<Kind> for BuildError {
    fn from(kind: Kind) -> Self {
        Self(kind)
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::TooManyThreads(n) => {
                write!(f, "{n} threads are too many: a pool has at most {}", super::MAX_THREADS)
            }
            Kind::Variable { name, value } => write!(
                f,
                "the environment variable {name} is `{value}`, which is not a number of threads"
            ),
            Kind::NoCores => f.write_str("the list of cores to pin to is empty"),
            Kind::CoreNotListed { core, listed } => {
                write!(f, "core {core} is not available to this thread, which may use {listed:?}")
            }
            Kind::CoreTooLarge(core) => {
                write!(f, "core {core} is beyond the largest that can be pinned to, 1023")
            }
            Kind::NoAffinity => {
                f.write_str("pinning to cores needs the feature `affinity`, which is off")
            }
            Kind::ThreadName(index) => {
                write!(f, "the name of thread {index} contains a NUL character")
            }
            Kind::Spawn { index, threads, error } => {
                write!(f, "thread {index} of {threads} could not be spawned: {error}")
            }
            Kind::GlobalExists => f.write_str("the global pool has been built already"),
            Kind::NoThreads => f.write_str("a pool of at most 0 threads cannot run anything"),
            Kind::MaxBelowCore { core, max } => {
                write!(f, "{core} core threads are more than the {max} that there may be at most")
            }
            Kind::ThreadNames => f.write_str("the threads' name contains a NUL character"),
            Kind::NoCapacity => {
                f.write_str("a queue with a capacity of 0 has no room for anything")
            }
        }
    }
}

impl std::error::Error for BuildError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0 {
            Kind::Spawn { error, .. } => Some(error),
            _ => None,
        }
    }
}
