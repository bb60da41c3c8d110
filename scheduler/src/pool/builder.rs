//! Options, and their checks.
//!
//! Everything that can be wrong is checked before the first thread is spawned. How the threads
//! start, and leave if one of them cannot be spawned, is in `start.rs`.

use super::affinity::{Pinning, Plan};
use super::error::{BuildError, Kind};
use super::hooks::Hooks;
use super::registry::Registry;
use super::start::{Starter, ThreadBuilder};
use super::{MAX_THREADS, ThreadPool};
use crate::sync::{Arc, mask, thread};
use std::any::Any;
use std::fmt;
use std::io;

/// The environment variable that sets the default number of workers.
const NUM_THREADS: &str = "SCHEDULER_NUM_THREADS";

/// Address space for a worker's stack. Memory is taken page by page as it is used, so a large
/// reserve costs nothing; a smaller one would limit how deep `join` can recurse.
const STACK_SIZE: usize = 8 << 20;

type Spawn = Box<dyn FnMut(ThreadBuilder) -> io::Result<()>>;

/// Options for a [`ThreadPool`].
///
/// # Examples
///
/// ```
/// use scheduler::{Pinning, ThreadPoolBuilder};
///
/// let pool = ThreadPoolBuilder::new()
///     .num_threads(4)
///     .thread_name(|index| format!("crunch-{index}"))
///     .stack_size(16 << 20)
///     .pinning(Pinning::Off)
///     .build()?;
/// assert_eq!(pool.current_num_threads(), 4);
/// # Ok::<(), scheduler::BuildError>(())
/// ```
#[must_use = "call `build` or `build_global`"]
#[derive(Default)]
pub struct ThreadPoolBuilder {
    num_threads: usize,
    thread_name: Option<Box<dyn FnMut(usize) -> String>>,
    stack_size: Option<usize>,
    pinning: Pinning,
    hooks: Hooks,
    spawn: Option<Spawn>,
}

impl ThreadPoolBuilder {
    /// The defaults: see each option.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = scheduler::ThreadPoolBuilder::new().build()?;
    /// assert!(pool.current_num_threads() >= 1);
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of workers; at most 65,535. The default, 0, is the value of the environment
    /// variable `SCHEDULER_NUM_THREADS` if that is set and neither empty nor 0, else
    /// [`available_parallelism`](std::thread::available_parallelism), which respects the
    /// thread's affinity mask and a container's CPU quota. For other numbers see
    /// [`sizing`](crate::sizing).
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = scheduler::ThreadPool::builder().num_threads(2).build()?;
    /// assert_eq!(pool.current_num_threads(), 2);
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    pub fn num_threads(mut self, num_threads: usize) -> Self {
        self.num_threads = num_threads;
        self
    }

    /// Names the threads; called with each index before the first thread is spawned. The
    /// default is `scheduler-0`, `scheduler-1`, … Linux keeps the first 15 bytes, which
    /// are what `top -H` shows: a longer name should not have the index at its end.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = scheduler::ThreadPool::builder()
    ///     .num_threads(2)
    ///     .thread_name(|index| format!("parse-{index}"))
    ///     .build()?;
    /// let names = pool.broadcast(|_| std::thread::current().name().unwrap().to_owned());
    /// assert_eq!(names, ["parse-0", "parse-1"]);
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    pub fn thread_name(mut self, name: impl FnMut(usize) -> String + 'static) -> Self {
        self.thread_name = Some(Box::new(name));
        self
    }

    /// The stack of each worker in bytes, of address space; the default is 8 MiB. A deep
    /// recursion over `join` wants more: see [`join`](crate::join()). What is less than the system's
    /// least is rounded up to that.
    ///
    /// # Examples
    ///
    /// ```
    /// // Each level is a fork.
    /// fn depth(levels: u32) -> u32 {
    ///     if levels == 0 { 0 } else { scheduler::join(|| depth(levels - 1), || ()).0 + 1 }
    /// }
    ///
    /// let pool = scheduler::ThreadPool::builder().num_threads(1).stack_size(256 << 20).build()?;
    /// assert_eq!(pool.install(|| depth(50_000)), 50_000);
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = Some(bytes);
        self
    }

    /// Whether workers are bound to cores; the default is [`Pinning::Auto`].
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{Pinning, ThreadPool};
    ///
    /// // The workers will start threads of their own, which would all inherit one core.
    /// let pool = ThreadPool::builder().pinning(Pinning::Off).build()?;
    /// assert!(pool.metrics().workers.iter().all(|worker| worker.pinned_to.is_none()));
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    pub fn pinning(mut self, pinning: Pinning) -> Self {
        self.pinning = pinning;
        self
    }

    /// Called by each worker with its index, before its first job. A panic in it goes to the
    /// [panic handler](Self::panic_handler), and the worker goes on. [`build`](Self::build) does not
    /// wait for it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::cell::Cell;
    ///
    /// thread_local! {
    ///     static SEED: Cell<usize> = const { Cell::new(0) };
    /// }
    ///
    /// let pool = scheduler::ThreadPool::builder()
    ///     .num_threads(2)
    ///     .start_handler(|index| SEED.set(1000 + index))
    ///     .build()?;
    /// assert_eq!(pool.broadcast(|_| SEED.get()), [1000, 1001]);
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    pub fn start_handler(mut self, handler: impl Fn(usize) + Send + Sync + 'static) -> Self {
        self.hooks.start = Some(Box::new(handler));
        self
    }

    /// Called by each worker with its index, after its last job. A panic in it goes to the
    /// [panic handler](Self::panic_handler). It may fork, but the other workers may be gone: then
    /// it runs the forks itself.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc;
    ///
    /// let (sender, receiver) = mpsc::channel();
    /// let pool = scheduler::ThreadPool::builder()
    ///     .num_threads(2)
    ///     .exit_handler(move |index| sender.send(index).unwrap())
    ///     .build()?;
    /// drop(pool); // waits for them
    /// let mut left: Vec<usize> = receiver.try_iter().collect();
    /// left.sort();
    /// assert_eq!(left, [0, 1]);
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    pub fn exit_handler(mut self, handler: impl Fn(usize) + Send + Sync + 'static) -> Self {
        self.hooks.exit = Some(Box::new(handler));
        self
    }

    /// Called with each panic that nobody can receive: that of a spawned closure whose handle
    /// is gone, or of a hook. It runs wherever that turns out, mostly on a worker; a panic of
    /// its own is dropped.
    ///
    /// By default such a panic is dropped, as for a thread of `std` whose handle is gone: the
    /// panic hook has printed it already. The process is never aborted.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc;
    ///
    /// let (sender, receiver) = mpsc::channel();
    /// let pool = scheduler::ThreadPool::builder()
    ///     .num_threads(1)
    ///     .panic_handler(move |panic| {
    ///         let message = panic.downcast_ref::<&str>().copied().unwrap_or("?");
    ///         sender.send(message.to_owned()).unwrap();
    ///     })
    ///     .build()?;
    /// drop(pool.spawn(|| panic!("nobody waits for me")));
    /// assert_eq!(receiver.recv().unwrap(), "nobody waits for me");
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    pub fn panic_handler(
        mut self,
        handler: impl Fn(Box<dyn Any + Send>) + Send + Sync + 'static,
    ) -> Self {
        self.hooks.panic = Some(Arc::new(Box::new(handler)));
        self
    }

    /// Lets the caller supply the threads: `spawn` is called once for each worker and has to
    /// see to it that [`ThreadBuilder::run`] is called, on a thread of its own that lasts until
    /// it returns. Name and stack size are wishes then. The pool cannot join such threads: a
    /// shutdown returns when `run` is about to return on all of them.
    ///
    /// An error of `spawn`, or a `ThreadBuilder` that it drops, makes [`build`](Self::build) fail.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = scheduler::ThreadPoolBuilder::new()
    ///     .num_threads(2)
    ///     .spawn_handler(|worker| {
    ///         std::thread::Builder::new().spawn(|| worker.run()).map(drop)
    ///     })
    ///     .build()?;
    /// assert_eq!(pool.install(|| 6 * 7), 42);
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    pub fn spawn_handler(
        mut self,
        spawn: impl FnMut(ThreadBuilder) -> io::Result<()> + 'static,
    ) -> Self {
        self.spawn = Some(Box::new(spawn));
        self
    }

    /// Builds the pool and starts its workers.
    ///
    /// # Errors
    ///
    /// More than 65,535 threads; `SCHEDULER_NUM_THREADS` is not a number (only if it is used);
    /// a core that is not available; a thread name with a NUL; a thread that the system, or the
    /// [`spawn_handler`](Self::spawn_handler), does not spawn. The message names what was wrong.
    /// Nothing is left running.
    ///
    /// # Panics
    ///
    /// If [`thread_name`](Self::thread_name)'s function or the [`spawn_handler`](Self::spawn_handler)
    /// does; nothing is left running then either.
    ///
    /// # On a worker
    ///
    /// The same, and it waits for nobody. But a pinned worker has one core, so that is all that the new
    /// pool would have by default.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::ThreadPool;
    ///
    /// let pool = ThreadPool::builder().num_threads(2).build()?;
    /// assert_eq!(pool.install(|| 6 * 7), 42);
    ///
    /// let error = ThreadPool::builder().thread_name(|_| "a\0b".to_owned()).build().unwrap_err();
    /// assert_eq!(error.to_string(), "the name of thread 0 contains a NUL character");
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    pub fn build(self) -> Result<ThreadPool, BuildError> {
        let workers = self.checked_num_threads()?;
        let plan = Plan::new(&self.pinning, workers)?;
        if plan.pins() {
            // Before any worker has lost it.
            mask::remember();
        }
        let mut name = self.thread_name.unwrap_or_else(|| Box::new(|i| format!("scheduler-{i}")));
        let names: Vec<String> = (0..workers).map(&mut name).collect();
        if let Some(index) = names.iter().position(|name| name.contains('\0')) {
            return Err(Kind::ThreadName(index).into());
        }

        let (registry, tails) = Registry::new(workers, plan.cores(workers), self.hooks);
        let mut starter = Starter::new(&registry);
        let stack_size = self.stack_size.unwrap_or(STACK_SIZE);
        let mut spawn = self.spawn;
        for (index, (tail, name)) in tails.into_iter().zip(names).enumerate() {
            let worker = starter.worker(index, tail, plan.core(index), name, stack_size);
            let spawned = match &mut spawn {
                Some(spawn) => spawn(worker),
                None => starter.spawn(worker),
            };
            let lost = || io::Error::other("the spawn handler dropped the worker");
            let kept = if registry.lifecycle().workers() == workers { Ok(()) } else { Err(lost()) };
            if let Err(error) = spawned.and(kept) {
                return Err(Kind::Spawn { index, threads: workers, error }.into());
            }
        }
        let threads = starter.go();
        Ok(ThreadPool::from_parts(registry, threads))
    }

    /// Builds the pool and makes it the global one, which the free functions use outside any
    /// pool. Without this, the global pool is built with the defaults at its first use. So call it
    /// first, in `main`; a library should leave it to the program.
    ///
    /// The functions of [`thread_name`](Self::thread_name) and [`spawn_handler`](Self::spawn_handler) must not
    /// use the global pool, which is what they help to build: they would wait for themselves.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build); and if there is a global pool already, as there is once anything has
    /// used it.
    ///
    /// # Panics
    ///
    /// As [`build`](Self::build).
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{ThreadPoolBuilder, current_num_threads};
    ///
    /// ThreadPoolBuilder::new().num_threads(3).build_global()?;
    /// assert_eq!(current_num_threads(), 3);
    /// let error = ThreadPoolBuilder::new().build_global().unwrap_err();
    /// assert_eq!(error.to_string(), "the global pool has been built already");
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    pub fn build_global(self) -> Result<(), BuildError> {
        super::global::set(|| self.build())
    }

    fn checked_num_threads(&self) -> Result<usize, BuildError> {
        let asked = match self.num_threads {
            0 => num_threads_from_environment()?,
            n => n,
        };
        let workers = match asked {
            0 => thread::available_parallelism().map_or(1, |n| n.get()).min(MAX_THREADS),
            n => n,
        };
        if workers > MAX_THREADS {
            return Err(Kind::TooManyThreads(workers).into());
        }
        Ok(workers)
    }
}

fn num_threads_from_environment() -> Result<usize, BuildError> {
    let Some(value) = std::env::var_os(NUM_THREADS).filter(|value| !value.is_empty()) else {
        return Ok(0);
    };
    let value = value.to_string_lossy();
    let wrong = |_| Kind::Variable { name: NUM_THREADS, value: value.clone().into_owned() };
    Ok(value.trim().parse().map_err(wrong)?)
}

impl fmt::Debug for ThreadPoolBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadPoolBuilder")
            .field("num_threads", &self.num_threads)
            .field("thread_name", &self.thread_name.is_some())
            .field("stack_size", &self.stack_size)
            .field("pinning", &self.pinning)
            .field("hooks", &self.hooks)
            .field("spawn_handler", &self.spawn.is_some())
            .finish()
    }
}
