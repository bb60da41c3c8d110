//! A work-stealing scheduler: fork/join at about the cost of a function call, and no runnable
//! job waits while a worker sleeps.
//!
//! ```
//! fn count(text: &str) -> usize {
//!     if text.len() < 4096 {
//!         return text.split_whitespace().count();
//!     }
//!     let middle = text[..text.len() / 2].rfind(char::is_whitespace).unwrap_or(0);
//!     let (left, right) = text.split_at(middle);
//!     let (left, right) = scheduler::join(|| count(left), || count(right));
//!     left + right
//! }
//!
//! assert_eq!(count("to be or not to be"), 6);
//! ```
//!
//! # Which one to use
//!
//! | you have | use |
//! |---|---|
//! | two or three closures over borrowed data, recursive perhaps | [`join`](join()), [`join!`] |
//! | any number of them | [`scope`] |
//! | a recursion whose leaves take nanoseconds | [`with_context`] |
//! | a closure that runs by itself, whose value is wanted later | [`spawn`], and its [`JoinHandle`] |
//! | the same, whose value nobody wants | [`ThreadPool::execute`] |
//! | a function, and an iterator of what to call it with | [`map`], [`map_unordered`] |
//! | closures of which all, or one, should succeed | [`invoke_all`], [`invoke_any`] |
//! | several handles | [`as_completed`], [`wait`](wait()); if there will be more, a [`TaskSet`] |
//! | something to be done once by each worker | [`broadcast`] |
//! | closures that block: files, sockets, other processes | [`spawn_blocking`], an [`Elastic`] pool |
//! | closures that come faster than they run | an [`Executor`], and a [`RejectionPolicy`] |
//! | something to be done later, or again and again | [`ThreadPool::schedule`], [`ThreadPool::schedule_at_fixed_rate`] |
//! | work that should stop when it is told to | a [`CancellationToken`], and [`task::checkpoint`] |
//! | threads of a certain number, name or stack, or an end to wait for | a [`ThreadPool`] of your own, [`Shutdown`] |
//! | the question of how many threads | [`sizing`] |
//! | the question of what the workers do | [`Metrics`], [`ExecutorMetrics`], [`ElasticMetrics`] |
//!
//! # The current pool
//!
//! The free functions use the current pool: the one whose worker the calling thread is, else the
//! [`global`] one, which is made at its first use. So a library that calls them runs where its caller
//! is: `pool.install(|| library::work())` keeps all of it on `pool`. The methods of [`ThreadPool`] with the
//! same names use that pool, from wherever they are called.
//!
//! ```
//! use scheduler::{Shutdown, ThreadPool};
//!
//! let pool = ThreadPool::builder().num_threads(2).build()?;
//! let handle = pool.spawn(|| (1..=10u64).product::<u64>());
//! let workers = pool.install(scheduler::current_num_threads);
//! assert_eq!((handle.join()?, workers), (3_628_800, 2));
//! let report = pool.shutdown(Shutdown::Drain);
//! assert_eq!(report.cancelled, 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What waits, and how
//!
//! A worker that waits, in a `join`, at the end of a scope, for a handle or for room in a queue, *helps*: it
//! runs other jobs of its own pool until it can go on, on top of its stack. So waiting costs no worker; but
//! hold no lock across it that those jobs may want, and let no two closures wait for each other. A wait with a
//! time limit is over when the job that runs then has ended. Any other thread *blocks*, without using the
//! processor. Where a function does either, it says so under *On a worker*.
//!
//! A panic goes to whoever waits for the closure, and to the
//! [`panic_handler`](ThreadPoolBuilder::panic_handler) if nobody can; it never ends a worker, nor the process.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `affinity` | yes | pinning workers to cores ([`Pinning`]) |
//! | `macros` | no | `#[scheduler::main]` and `#[scheduler::test]` |
//! | `signal` | no | signals that shut a pool down: `ThreadPool::shutdown_on`, on Unix only |
//! | `stream` | no | [`AsCompleted`] as a `futures_core::Stream` |
//! | `orx` | no | [`ThreadPool`] as a pool of [`orx-parallel`](https://docs.rs/orx-parallel), for parallel iterators |
//! | `metrics` | no | `publish`: figures of pools and executors for the [`metrics`](https://docs.rs/metrics) crate |
//! | `tracing` | no | [spans](#spans) of workers and of submitted closures, and the current one carried along |
//!
//! # Spans
//!
//! With the feature `tracing`, an event inside a fork is in the [span](https://docs.rs/tracing) that was current
//! where the fork was made, whichever worker runs it: in [`join`](join()), [`scope`], [`broadcast`], [`Context`] and
//! [`ThreadPool::install`]. An event inside a closure that was submitted ([`spawn`], [`Executor`], [`Elastic`],
//! [`ThreadPool::schedule`], a [`TaskSet`]) is in a span of that closure, whose parent is the one that was current where
//! it was submitted. A worker that waits leaves its spans meanwhile, so what else it runs is not in them. A subscriber
//! that is the default of one thread only goes along with its spans.
//!
//! These spans and events are the scheduler's own:
//!
//! | target | level | name | fields |
//! |---|---|---|---|
//! | `scheduler::task` | debug | span `task`, while a submitted closure runs | `kind` (`spawn`, `executor`, `elastic`, `delayed`, `periodic`), `name` of the executor or the elastic pool, `loc.file`, `loc.line`, `loc.col` of the submission |
//! | `scheduler::worker` | debug | span `worker`, as long as a worker's thread lives | `index`, `thread` (its name) |
//! | `scheduler::worker` | debug | span `elastic`, as long as an elastic pool's thread lives | `index`, `thread` |
//! | `scheduler::worker` | trace | events `park`, `wake`, `steal` of a worker | of a steal: `from` (`tail`, `head`, `injector`) |
//!
//! A fork costs nothing more as long as no subscriber is set, and some ten to a hundred nanoseconds more once one is; so
//! set it before the work begins, and pools before that have no spans of their workers. A worker learns of a new
//! subscriber when it begins its next job.
#![cfg_attr(docsrs, feature(doc_cfg))]
// What a checker leaves out is there for all users.
#![cfg_attr(docsrs, doc(auto_cfg(hide(scheduler_loom, scheduler_shuttle))))]
// Allowed below, module by module, each for one reason.
#![deny(unsafe_code)]
// Beside `missing_docs`; tests/documentation.rs asks for more.
#![deny(clippy::missing_errors_doc)]
// Under a checker there is no global pool, since statics outlive a model: what only it calls is
// unused there.
#![cfg_attr(
    any(scheduler_loom, scheduler_shuttle),
    allow(dead_code, missing_docs, unreachable_pub)
)]
// What is public grows without breaking anybody, or is closed on purpose: docs/releasing.md.
#![cfg_attr(
    not(any(scheduler_loom, scheduler_shuttle)),
    deny(clippy::exhaustive_enums, clippy::exhaustive_structs)
)]

#[allow(unsafe_code, reason = "the system calls of the asymmetric barrier and of a thread's mask")]
mod sync;

mod rng;
#[allow(unsafe_code, reason = "a value that is dropped by hand")]
mod unwind;

mod observe;

#[cfg(all(feature = "tracing", not(any(scheduler_loom, scheduler_shuttle))))]
mod span;
#[cfg(not(all(feature = "tracing", not(any(scheduler_loom, scheduler_shuttle)))))]
#[path = "span/absent.rs"]
mod span;

mod admission;

#[allow(unsafe_code, reason = "a counted reference to the waiter, kept in the latch's one word")]
mod latch;
mod park;

#[cfg(not(any(scheduler_loom, scheduler_shuttle)))]
mod timer;

#[allow(unsafe_code, reason = "setting the latch of who waits for a token")]
mod cancel;

#[allow(unsafe_code, reason = "closures behind one-word pointers, with erased types and lifetimes")]
mod job;

#[allow(unsafe_code, reason = "jobs in slots that the owner and thieves share")]
mod queue;
mod sleep;

#[allow(unsafe_code, reason = "a worker's pointers into its pool, and the installed closure")]
mod pool;

#[allow(unsafe_code, reason = "lending the caller's frame to other workers")]
mod fork;

#[allow(unsafe_code, reason = "a spawned closure's pointer to its pool")]
pub mod task;

mod completion;

#[cfg(not(any(scheduler_loom, scheduler_shuttle)))]
#[allow(unsafe_code, reason = "a delayed closure's pointer to its ticket")]
mod schedule;

#[allow(unsafe_code, reason = "a closure's pointer to its pool, and latches of those who wait")]
mod blocking;

#[cfg(all(unix, feature = "signal", not(any(scheduler_loom, scheduler_shuttle))))]
#[cfg_attr(docsrs, doc(cfg(all(unix, feature = "signal"))))]
#[allow(unsafe_code, reason = "what a signal's handler runs")]
pub mod signal;

#[allow(
    unsafe_code,
    reason = "tickets that are counted references, and a closure's pointer to its executor"
)]
mod executor;

pub mod sizing;

#[cfg(all(feature = "metrics", not(any(scheduler_loom, scheduler_shuttle))))]
#[cfg_attr(docsrs, doc(cfg(feature = "metrics")))]
pub mod publish;

#[cfg(all(feature = "orx", not(any(scheduler_loom, scheduler_shuttle))))]
mod orx;

#[cfg(scheduler_loom)]
#[allow(unsafe_code, reason = "models take the rights that jobs and latches hand out")]
#[path = "../../loom-tests/models/mod.rs"]
pub mod models;

/// What a program under shuttle needs beside the public interface.
#[cfg(scheduler_shuttle)]
pub mod checker {
    pub use crate::sync::asymmetric::set_absent;
    pub use crate::sync::fault::{faults, seed};
}

/// The README's examples, as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;

pub use admission::{
    Overflow, OverflowHandler, Rejected, RejectedReason, RejectionPolicy, Verdict,
};
#[cfg(not(any(scheduler_loom, scheduler_shuttle)))]
pub use blocking::spawn_blocking;
pub use blocking::{Elastic, ElasticBuilder, ElasticMetrics, Growth};
pub use cancel::{CancellationToken, Cancelled, DropGuard, WaitForCancellationFuture};
pub use completion::{
    AsCompleted, InvokeAnyError, InvokeFailure, Map, MapUnordered, TaskSet, TimedInvocation,
    TimedOut, WaitUntil, Waited, as_completed, invoke_all, invoke_all_timeout, invoke_any, map,
    map_unordered, wait,
};
pub use executor::{Executor, ExecutorBuilder, ExecutorMetrics, Histogram, SubmitAsync};
pub use fork::{
    BroadcastContext, Context, Scope, ScopedJoinHandle, broadcast, in_place_scope, join, scope,
    with_context,
};
pub use job::error::JoinError;
pub use observe::{Counts, Metrics, WorkerMetrics};
pub use pool::affinity::Pinning;
pub use pool::builder::ThreadPoolBuilder;
pub use pool::error::BuildError;
pub use pool::global::{global, try_global};
pub use pool::lifecycle::{Shutdown, ShutdownReport, Straggler};
pub use pool::start::ThreadBuilder;
pub use pool::{ThreadPool, current_num_threads, current_thread_index};
#[cfg(not(any(scheduler_loom, scheduler_shuttle)))]
pub use schedule::{PeriodicHandle, ScheduledHandle};
pub use sync::asymmetric::Barrier;
pub use task::{AbortHandle, AbortOnDrop, JoinHandle, Task, Yield, spawn, yield_now};

#[cfg(feature = "macros")]
#[cfg_attr(docsrs, doc(cfg(feature = "macros")))]
pub use scheduler_macros::{main, test};
