//! Options of an elastic pool, and their checks.

use super::core::Core;
use super::elastic::{Elastic, Shared};
use super::state::{Growth, Limits};
use crate::admission::RejectionPolicy;
use crate::pool::error::{BuildError, Kind};
use crate::pool::hooks::Hooks;
use crate::sync::{Arc, AtomicBool, AtomicU64};
use std::any::Any;
use std::fmt;
use std::time::Duration;

/// As many threads for blocking work as tokio has by default. Each may be in a system call that
/// takes long; more would mostly mean that something does not answer.
const MAX_THREADS: usize = 512;

/// As tokio's. Longer keeps threads for work that does not come; shorter spawns them anew, at some
/// 30 µs each.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Options for an [`Elastic`] pool. Made by [`Elastic::builder`].
///
/// # Examples
///
/// ```
/// use scheduler::{Elastic, Growth, RejectionPolicy};
/// use std::time::Duration;
///
/// let disk = Elastic::builder()
///     .thread_name("disk")
///     .core_threads(2)
///     .max_threads(16)
///     .keep_alive(Duration::from_secs(60))
///     .queue_capacity(1000)
///     .growth(Growth::GrowFirst)
///     .on_full(RejectionPolicy::Block)
///     .build()?;
/// let here = disk.submit(|| std::env::current_dir())?;
/// assert!(here.join()?.is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "call `build`"]
pub struct ElasticBuilder {
    limits: Limits,
    policy: RejectionPolicy,
    name: String,
    stack_size: Option<usize>,
    hooks: Hooks,
}

impl ElasticBuilder {
    pub(super) fn new() -> Self {
        Self {
            limits: Limits {
                core: 0,
                max: MAX_THREADS,
                capacity: usize::MAX,
                keep_alive: KEEP_ALIVE,
                core_times_out: false,
                growth: Growth::default(),
            },
            policy: RejectionPolicy::default(),
            name: "elastic".to_owned(),
            stack_size: None,
            hooks: Hooks::default(),
        }
    }

    /// How many threads stay when there is nothing to do. They too start only when they are needed.
    /// The default is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let builder = scheduler::Elastic::builder().core_threads(1).keep_alive(Duration::ZERO);
    /// let pool = builder.build()?;
    /// assert_eq!(pool.metrics().threads, 0);
    /// pool.submit(|| ())?.join()?;
    /// assert_eq!(pool.metrics().threads, 1, "it stays");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn core_threads(mut self, core: usize) -> Self {
        self.limits.core = core;
        self
    }

    /// How many threads there may be; the default is 512, as many as tokio has for blocking work. (While one
    /// runs its exit handler, its successor may have started.) For other numbers see
    /// [`sizing`](crate::sizing).
    ///
    /// # Examples
    ///
    /// ```
    /// // The other side serves four at a time.
    /// let requests = scheduler::Elastic::builder().max_threads(4).build()?;
    /// let handles = (0..20).map(|n| requests.submit(move || n)).collect::<Result<Vec<_>, _>>()?;
    /// handles.into_iter().try_for_each(|handle| handle.join().map(drop))?;
    /// assert!(requests.metrics().largest <= 4);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn max_threads(mut self, max: usize) -> Self {
        self.limits.max = max;
        self
    }

    /// How long a thread stays that has nothing to do, if there are more than the core number; the
    /// default is 10 s. With `Duration::MAX` it stays for ever; with `Duration::ZERO` it ends as soon as
    /// it finds nothing to do.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let pool = scheduler::Elastic::builder().keep_alive(Duration::from_millis(1)).build()?;
    /// pool.submit(|| ())?.join()?;
    /// while pool.metrics().threads > 0 {
    ///     std::thread::sleep(Duration::from_millis(1));
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn keep_alive(mut self, keep_alive: Duration) -> Self {
        self.limits.keep_alive = keep_alive;
        self
    }

    /// Whether core threads, too, end after [`keep_alive`](Self::keep_alive); the default is no.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{Elastic, Growth};
    /// use std::time::Duration;
    ///
    /// // At most four, a queue for all else, and none at all over night.
    /// let pool = Elastic::builder()
    ///     .core_threads(4)
    ///     .growth(Growth::CoreQueueMax)
    ///     .allow_core_timeout(true)
    ///     .keep_alive(Duration::from_secs(60))
    ///     .build()?;
    /// assert_eq!(pool.submit(|| 42)?.join()?, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn allow_core_timeout(mut self, allow: bool) -> Self {
        self.limits.core_times_out = allow;
        self
    }

    /// How many closures may be queued; the default is no limit. With 0 a closure is taken only if a
    /// thread is free for it, or may be spawned. What has been handed to a thread that is just waking
    /// up does not count.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{Elastic, RejectedReason};
    ///
    /// let pool = Elastic::builder().max_threads(1).queue_capacity(0).build()?;
    /// let (go, gone) = std::sync::mpsc::channel::<()>();
    /// let busy = pool.submit(move || gone.recv().is_err())?;
    /// assert_eq!(pool.submit(|| true).unwrap_err().reason(), RejectedReason::Full);
    /// drop(go);
    /// assert!(busy.join()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn queue_capacity(mut self, capacity: usize) -> Self {
        self.limits.capacity = capacity;
        self
    }

    /// What [`Elastic::submit`] does when all threads are busy and the queue is full; the default is
    /// [`RejectionPolicy::Abort`].
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{Elastic, RejectionPolicy};
    ///
    /// let pool = Elastic::builder()
    ///     .max_threads(1)
    ///     .queue_capacity(0)
    ///     .on_full(RejectionPolicy::CallerRuns)
    ///     .build()?;
    /// let (go, gone) = std::sync::mpsc::channel::<()>();
    /// let busy = pool.submit(move || gone.recv().is_err())?;
    /// let here = pool.submit(|| std::thread::current().id())?;
    /// assert_eq!(here.join()?, std::thread::current().id());
    /// drop(go);
    /// assert!(busy.join()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_full(mut self, policy: RejectionPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Whether a further thread comes before the queue, or after it; the default is
    /// [`Growth::GrowFirst`].
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{Elastic, Growth};
    ///
    /// // Two threads as a rule, and up to eight when a hundred closures wait.
    /// let pool = Elastic::builder()
    ///     .core_threads(2)
    ///     .queue_capacity(100)
    ///     .max_threads(8)
    ///     .growth(Growth::CoreQueueMax)
    ///     .build()?;
    /// assert_eq!(pool.submit(|| 42)?.join()?, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn growth(mut self, growth: Growth) -> Self {
        self.limits.growth = growth;
        self
    }

    /// What the threads are called: `NAME-0`, `NAME-1`, …, in the order in which they start. The
    /// default is `elastic`. Linux shows the first 15 bytes, in `top -H` for example.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = scheduler::Elastic::builder().thread_name("mail").build()?;
    /// let name = pool.submit(|| std::thread::current().name().map(str::to_owned))?;
    /// assert_eq!(name.join()?.as_deref(), Some("mail-0"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn thread_name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The stack of each thread in bytes, of address space; the default is that of
    /// [`std::thread::Builder`], 2 MiB unless `RUST_MIN_STACK` says otherwise. A size that the system does
    /// not grant shows when a thread is to be spawned, as
    /// [`ThreadSpawn`](crate::RejectedReason::ThreadSpawn).
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = scheduler::Elastic::builder().stack_size(16 << 20).build()?;
    /// let sum = pool.submit(|| {
    ///     let large = [1u8; 8 << 20];
    ///     large.iter().map(|&byte| u64::from(byte)).sum::<u64>()
    /// });
    /// assert_eq!(sum?.join()?, 8 << 20);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = Some(bytes);
        self
    }

    /// Called by each thread with its number, before its first closure. A panic in it goes to the
    /// [panic handler](Self::panic_handler), and the thread goes on. The number of a thread that has
    /// ended is not given out again.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::cell::Cell;
    ///
    /// thread_local! {
    ///     static CONNECTION: Cell<Option<usize>> = const { Cell::new(None) };
    /// }
    ///
    /// let pool = scheduler::Elastic::builder()
    ///     .start_handler(|number| CONNECTION.set(Some(number)))
    ///     .build()?;
    /// assert_eq!(pool.submit(|| CONNECTION.get())?.join()?, Some(0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn start_handler(mut self, handler: impl Fn(usize) + Send + Sync + 'static) -> Self {
        self.hooks.start = Some(Box::new(handler));
        self
    }

    /// Called by each thread with its number, after its last closure. A panic in it goes to the
    /// [panic handler](Self::panic_handler).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc;
    ///
    /// let (sender, receiver) = mpsc::channel();
    /// let pool = scheduler::Elastic::builder()
    ///     .exit_handler(move |number| sender.send(number).unwrap())
    ///     .build()?;
    /// pool.submit(|| ())?.join()?;
    /// drop(pool); // waits for its threads
    /// assert_eq!(receiver.try_recv(), Ok(0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn exit_handler(mut self, handler: impl Fn(usize) + Send + Sync + 'static) -> Self {
        self.hooks.exit = Some(Box::new(handler));
        self
    }

    /// Called with each panic that nobody can receive: as
    /// [`ThreadPoolBuilder::panic_handler`](crate::ThreadPoolBuilder::panic_handler).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc;
    ///
    /// let (sender, receiver) = mpsc::channel();
    /// let pool = scheduler::Elastic::builder()
    ///     .panic_handler(move |panic| sender.send(panic.is::<&str>()).unwrap())
    ///     .build()?;
    /// drop(pool.submit(|| panic!("nobody waits for me"))?);
    /// assert!(receiver.recv()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn panic_handler(
        mut self,
        handler: impl Fn(Box<dyn Any + Send>) + Send + Sync + 'static,
    ) -> Self {
        self.hooks.panic = Some(Arc::new(Box::new(handler)));
        self
    }

    /// Builds the pool. No thread is started yet.
    ///
    /// # Errors
    ///
    /// A maximum of 0 threads, or of fewer than the core number; a thread name with a NUL.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::Elastic;
    ///
    /// let error = Elastic::builder().core_threads(8).max_threads(4).build().unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "8 core threads are more than the 4 that there may be at most",
    /// );
    /// ```
    pub fn build(self) -> Result<Elastic, BuildError> {
        let Limits { core, max, .. } = self.limits;
        if max == 0 {
            return Err(Kind::NoThreads.into());
        }
        if max < core {
            return Err(Kind::MaxBelowCore { core, max }.into());
        }
        if self.name.contains('\0') {
            return Err(Kind::ThreadNames.into());
        }
        Ok(Elastic::from_shared(Shared {
            core: Core::new(self.limits),
            policy: self.policy,
            name: self.name,
            stack_size: self.stack_size,
            hooks: self.hooks,
            ran: AtomicU64::new(0),
            cancelled: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            aborting: AtomicBool::new(false),
            given_up: AtomicBool::new(false),
        }))
    }
}

impl fmt::Debug for ElasticBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Limits { core, max, capacity, keep_alive, core_times_out, growth } = &self.limits;
        f.debug_struct("ElasticBuilder")
            .field("core_threads", core)
            .field("max_threads", max)
            .field("keep_alive", keep_alive)
            .field("allow_core_timeout", core_times_out)
            .field("queue_capacity", &Some(capacity).filter(|capacity| **capacity != usize::MAX))
            .field("on_full", &self.policy)
            .field("growth", growth)
            .field("thread_name", &self.name)
            .field("stack_size", &self.stack_size)
            .field("hooks", &self.hooks)
            .finish()
    }
}
