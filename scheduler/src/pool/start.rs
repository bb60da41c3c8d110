//! The start of a pool's threads.
//!
//! If one of them cannot be spawned, the others leave as if they had never begun: they have called no hook
//! and taken no job. A pool that has hooks for its threads lets them wait at a start line until all of them
//! exist. Those of any other pool begin at once, for nobody can tell, but for who traces their spans: there is no job as
//! long as nobody has the pool, and who looks for one is told to end as at the end of a pool.

use super::affinity;
use super::registry::Registry;
use super::worker::{Role, Worker};
use crate::queue::Tail;
use crate::span;
use crate::sync::fault::{self, Fault};
use crate::sync::{Arc, Condvar, Mutex, mask, thread};
use std::fmt;
use std::io;

/// One worker to be run, as a [`spawn_handler`](crate::ThreadPoolBuilder::spawn_handler) gets it.
///
/// Dropped before the handler returns, it makes `build` fail. Dropped later, it leaves the pool with
/// one worker less: a `broadcast` would then wait for ever.
///
/// # Examples
///
/// Threads that are supplied by something else, here a scope of `std`:
///
/// ```
/// use std::sync::mpsc;
///
/// std::thread::scope(|s| {
///     let (sender, receiver) = mpsc::channel::<scheduler::ThreadBuilder>();
///     s.spawn(move || {
///         for worker in receiver {
///             s.spawn(|| worker.run());
///         }
///     });
///     let pool = scheduler::ThreadPool::builder()
///         .num_threads(2)
///         .spawn_handler(move |worker| {
///             sender.send(worker).map_err(|_| std::io::Error::other("nobody takes workers"))
///         })
///         .build()
///         .unwrap();
///     assert_eq!(pool.broadcast(|worker| worker.index()), [0, 1]);
/// });
/// ```
#[must_use = "the pool waits for `run` to be called"]
pub struct ThreadBuilder {
    /// Taken by `run`.
    post: Option<Post>,
    name: String,
    stack_size: usize,
}

/// What a worker needs to begin.
struct Post {
    registry: Arc<Registry>,
    line: Arc<StartLine>,
    index: usize,
    tail: Tail,
    core: Option<usize>,
}

impl ThreadBuilder {
    /// The worker's index in the pool.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = scheduler::ThreadPool::builder()
    ///     .num_threads(2)
    ///     .spawn_handler(|worker| {
    ///         let name = format!("number {} of two", worker.index() + 1);
    ///         std::thread::Builder::new().name(name).spawn(|| worker.run()).map(drop)
    ///     })
    ///     .build()?;
    /// assert_eq!(
    ///     pool.broadcast(|_| std::thread::current().name().unwrap().to_owned()),
    ///     ["number 1 of two", "number 2 of two"],
    /// );
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    pub fn index(&self) -> usize {
        self.post.as_ref().map_or(0, |post| post.index)
    }

    /// The name that the thread should have, from [`thread_name`](crate::ThreadPoolBuilder::thread_name).
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = scheduler::ThreadPool::builder()
    ///     .num_threads(2)
    ///     .spawn_handler(|worker| {
    ///         println!("starting {}", worker.name()); // scheduler-0, scheduler-1
    ///         std::thread::Builder::new().spawn(|| worker.run()).map(drop)
    ///     })
    ///     .build()?;
    /// assert_eq!(pool.install(|| 6 * 7), 42);
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The stack that the thread should have, in bytes, from
    /// [`stack_size`](crate::ThreadPoolBuilder::stack_size).
    ///
    /// # Examples
    ///
    /// A handler that does what is done without one:
    ///
    /// ```
    /// let pool = scheduler::ThreadPool::builder()
    ///     .num_threads(1)
    ///     .stack_size(1 << 20)
    ///     .spawn_handler(|worker| {
    ///         let thread = std::thread::Builder::new()
    ///             .name(worker.name().to_owned())
    ///             .stack_size(worker.stack_size());
    ///         thread.spawn(|| worker.run()).map(drop)
    ///     })
    ///     .build()?;
    /// assert_eq!(pool.install(|| 6 * 7), 42);
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    pub fn stack_size(&self) -> usize {
        self.stack_size
    }

    /// Runs the worker until its pool has shut down. If the pool has neither a start nor an exit handler, the worker may
    /// look for work before [`build`](crate::ThreadPoolBuilder::build) returns; if that fails, this returns.
    ///
    /// A worker that is [bound](crate::Pinning) to a core binds the thread; on Linux it has its own cores again when
    /// this returns.
    ///
    /// # Panics
    ///
    /// On a thread that is a worker already, of whichever pool. A panic of a job or of a handler
    /// does not come out here.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = scheduler::ThreadPool::builder()
    ///     .num_threads(1)
    ///     .spawn_handler(|worker| {
    ///         let thread = std::thread::Builder::new();
    ///         thread.spawn(|| {
    ///             // What every thread of this program does first.
    ///             worker.run();
    ///             // What it does last, when the pool has been shut down.
    ///         })?;
    ///         Ok(())
    ///     })
    ///     .build()?;
    /// assert_eq!(pool.install(|| 6 * 7), 42);
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    pub fn run(mut self) {
        // Before the post is taken: it is given up properly when this panics.
        assert!(Worker::current().is_none(), "this thread is a worker of a pool already");
        if let Some(post) = self.post.take() {
            // The thread is somebody else's.
            let unbind = post.core.and_then(|_| mask::saved());
            post.run();
            if let Some(unbind) = unbind {
                unbind();
            }
        }
    }

    /// On a thread that ends then.
    fn run_to_the_end(mut self) {
        if let Some(post) = self.post.take() {
            post.run();
        }
    }
}

impl Drop for ThreadBuilder {
    fn drop(&mut self) {
        if let Some(post) = self.post.take() {
            // So that a shutdown does not wait for it.
            post.registry.lifecycle().worker_exits();
        }
    }
}

impl fmt::Debug for ThreadBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadBuilder")
            .field("index", &self.index())
            .field("name", &self.name)
            .field("stack_size", &self.stack_size)
            .finish()
    }
}

impl Post {
    fn run(self) {
        /// Counts the worker out, whatever happens: a shutdown waits for it.
        struct Exit(Arc<Registry>);
        impl Drop for Exit {
            fn drop(&mut self) {
                self.0.lifecycle().worker_exits();
            }
        }
        let Self { registry, line, index, tail, core } = self;
        let exit = Exit(registry);
        let registry = &exit.0;
        // Declared after `exit`, so that it goes first, also where the worker never begins.
        let tail = tail;
        if line.wait() == Start::Go {
            registry.sleep().enlist(index);
            if let Some(core) = core
                && affinity::pin_current_thread(core)
            {
                registry.slot(index).set_pinned_to(core);
            }
            let worker = Worker::new(Arc::clone(registry), index, tail);
            worker.enter(|| {
                let _span = span::worker(index);
                registry.hooks().started(index);
                worker.run_until(&registry.slot(index).terminate, Role::Main);
                worker.run_dry();
                registry.hooks().exits(index);
                worker.run_dry();
            });
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    Wait,
    Go,
    GoHome,
}

/// Where the workers of a pool with hooks wait. To block here and be woken takes as long as a thread takes
/// to start, so the others pass.
struct StartLine {
    state: Mutex<Start>,
    changed: Condvar,
}

impl StartLine {
    fn new(start: Start) -> Self {
        Self { state: Mutex::new(start), changed: Condvar::default() }
    }

    fn wait(&self) -> Start {
        let mut state = self.state.lock().unwrap();
        while *state == Start::Wait {
            state = self.changed.wait(state).unwrap();
        }
        *state
    }

    /// Tells those who wait, if somebody may.
    fn set(&self, start: Start) {
        let before = std::mem::replace(&mut *self.state.lock().unwrap(), start);
        if before == Start::Wait {
            self.changed.notify_all();
        }
    }
}

/// The threads started so far. Dropped before [`go`](Starter::go), by an error or by a panic
/// in a user's handler, it sends them home and joins them.
pub(super) struct Starter<'a> {
    registry: &'a Arc<Registry>,
    line: Arc<StartLine>,
    threads: Vec<thread::JoinHandle<()>>,
    gone: bool,
}

impl<'a> Starter<'a> {
    pub(super) fn new(registry: &'a Arc<Registry>) -> Self {
        let start = if registry.hooks().of_threads() { Start::Wait } else { Start::Go };
        let line = Arc::new(StartLine::new(start));
        Self { registry, line, threads: Vec::new(), gone: false }
    }

    pub(super) fn worker(
        &self,
        index: usize,
        tail: Tail,
        core: Option<usize>,
        name: String,
        stack_size: usize,
    ) -> ThreadBuilder {
        let (registry, line) = (Arc::clone(self.registry), Arc::clone(&self.line));
        let post = Post { registry, line, index, tail, core };
        ThreadBuilder { post: Some(post), name, stack_size }
    }

    /// On a thread of our own.
    pub(super) fn spawn(&mut self, worker: ThreadBuilder) -> io::Result<()> {
        let thread = thread::Builder::new().name(worker.name.clone()).stack_size(worker.stack_size);
        self.threads.push(thread.spawn(move || worker.run_to_the_end())?);
        Ok(())
    }

    /// All of them exist. Those that are to be joined.
    pub(super) fn go(mut self) -> Vec<thread::JoinHandle<()>> {
        self.line.set(Start::Go);
        self.gone = true;
        std::mem::take(&mut self.threads)
    }
}

impl Drop for Starter<'_> {
    fn drop(&mut self) {
        if self.gone {
            return;
        }
        self.line.set(Start::GoHome);
        // For those who have passed the line. They have nothing to do, and nobody can give them any.
        if !fault::is(Fault::GiveUpLeavesStarted) {
            self.registry.terminate();
        }
        for thread in self.threads.drain(..) {
            // It ran nothing that could panic.
            let _ = thread.join();
        }
    }
}
