//! The pool, and its threads.

use super::builder::ElasticBuilder;
use super::core::Core;
use super::state::Figures;
use crate::admission::RejectionPolicy;
use crate::job::party::Entry;
use crate::park::Parker;
use crate::pool::held;
use crate::pool::hooks::Hooks;
use crate::span;
use crate::sync::{Arc, AtomicBool, AtomicU64, Ordering, mask, thread, thread_local_const};
use crate::task;
use std::cell::Cell;
use std::{fmt, io, ptr};

pub(super) type Job = Entry;

/// A pool whose threads come and go: for work that blocks, in a file system, a network or another
/// process. Work that computes belongs on a [`ThreadPool`](crate::ThreadPool).
///
/// A closure that is submitted waits in a queue for a thread, first in, first out. Threads start when
/// they are needed, up to a maximum, in one of two [orders](crate::Growth), and end when they have had nothing
/// to do for a while. They are threads of their own: named, never pinned, and no workers, so in a
/// closure the free functions ([`join`](crate::join()), [`spawn`](crate::spawn)) use the
/// [`global`](crate::global) pool. How many threads? See [`sizing`](crate::sizing).
///
/// Dropping it is [`shutdown(Shutdown::Drain)`](Self::shutdown): it waits for all closures, for as long
/// as they take. Put it into an `Arc` to share it.
///
/// # Examples
///
/// ```
/// use scheduler::Elastic;
/// use std::time::Duration;
///
/// let pool = Elastic::builder().max_threads(40).build()?;
/// let handles: Vec<_> = (0..40)
///     .map(|n| {
///         pool.submit(move || {
///             std::thread::sleep(Duration::from_millis(5));
///             n
///         })
///     })
///     .collect::<Result<_, _>>()?;
/// // They wait side by side.
/// let sum: i32 = handles.into_iter().map(|handle| handle.join().unwrap()).sum();
/// assert_eq!(sum, 780);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Elastic(Arc<Shared>);

/// What the threads share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) core: Core<Job>,
    pub(super) policy: RejectionPolicy,
    pub(super) name: String,
    pub(super) stack_size: Option<usize>,
    pub(super) hooks: Hooks,
    pub(super) ran: AtomicU64,
    pub(super) cancelled: AtomicU64,
    pub(super) rejected: AtomicU64,
    /// Running closures are asked to stop.
    pub(super) aborting: AtomicBool,
    /// A deadline has passed: nobody waits for the threads any more.
    pub(super) given_up: AtomicBool,
}

/// The figures of an [`Elastic`] pool at some moment. From [`Elastic::metrics`].
///
/// # Examples
///
/// ```
/// let pool = scheduler::Elastic::builder().max_threads(2).build()?;
/// let (go, gone) = std::sync::mpsc::channel::<()>();
/// let (began, has_begun) = std::sync::mpsc::channel();
/// let busy = pool.submit(move || began.send(()).is_ok() && gone.recv().is_err())?;
/// has_begun.recv()?;
/// let metrics = pool.metrics();
/// assert_eq!((metrics.threads, metrics.running, metrics.max), (1, 1, 2));
/// drop(go);
/// assert!(busy.join()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ElasticMetrics {
    /// Threads now.
    pub threads: usize,
    /// Those of them that have nothing to do.
    pub idle: usize,
    /// The most threads that there have been at a time.
    pub largest: usize,
    /// As [`core_threads`](ElasticBuilder::core_threads).
    pub core: usize,
    /// As [`max_threads`](ElasticBuilder::max_threads).
    pub max: usize,
    /// Closures that are queued, and not handed to a thread that is just waking up.
    pub queue_len: usize,
    /// Closures that run now.
    pub running: usize,
    /// Closures that have run, to their end or to a panic.
    pub completed: u64,
    /// Closures that were handed back or discarded.
    pub rejected: u64,
}

impl Elastic {
    /// Options for a pool.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = scheduler::Elastic::builder().max_threads(8).build()?;
    /// let text = pool.submit(|| std::fs::read_to_string("Cargo.toml"))?;
    /// assert!(text.join()??.contains("[package]"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder() -> ElasticBuilder {
        ElasticBuilder::new()
    }

    pub(super) fn from_shared(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.0
    }

    /// What the pool does now, and has done so far. All but the last two figures are of one moment: it
    /// takes the pool's lock.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = scheduler::Elastic::builder().build()?;
    /// assert_eq!(pool.metrics().threads, 0);
    /// pool.submit(|| ())?.join()?;
    /// assert_eq!(pool.metrics().largest, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn metrics(&self) -> ElasticMetrics {
        let limits = self.0.core.limits();
        let Figures { threads, idle, largest, queued, running } = self.0.core.figures();
        ElasticMetrics {
            threads,
            idle,
            largest,
            core: limits.core,
            max: limits.max,
            queue_len: queued,
            running,
            completed: self.0.ran.load(Ordering::Relaxed),
            rejected: self.0.rejected.load(Ordering::Relaxed),
        }
    }
}

/// Does not wait for the pool's lock: while somebody has it, less is shown.
impl fmt::Debug for Elastic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Elastic");
        debug.field("name", &self.0.name).field("max_threads", &self.0.core.limits().max);
        match self.0.core.try_figures() {
            Some(Figures { threads, idle, queued, running, .. }) => debug
                .field("threads", &threads)
                .field("idle", &idle)
                .field("queue_len", &queued)
                .field("running", &running),
            None => debug.field("threads", &format_args!("<locked>")),
        };
        debug.finish_non_exhaustive()
    }
}

thread_local_const! {
    /// The pool whose thread this is: only ever compared.
    static OF: Cell<*const Shared> = Cell::new(ptr::null())
}

impl Shared {
    /// Whether the calling thread is one of this pool's, or drops what was queued in it: it cannot wait for the pool to
    /// end.
    pub(super) fn is_inside(&self) -> bool {
        ptr::eq(OF.with(Cell::get), self) || held::contains(self)
    }

    /// A thread that serves under that number.
    pub(super) fn spawn(this: &Arc<Self>, number: usize) -> io::Result<thread::JoinHandle<()>> {
        let shared = Arc::clone(this);
        let mut builder = thread::Builder::new().name(format!("{}-{number}", this.name));
        if let Some(bytes) = this.stack_size {
            builder = builder.stack_size(bytes);
        }
        builder.spawn(move || serve(&shared, number))
    }
}

/// A thread, as long as it lasts.
fn serve(shared: &Arc<Shared>, number: usize) {
    mask::restore();
    OF.with(|of| of.set(Arc::as_ptr(shared)));
    {
        let _span = span::elastic(number);
        shared.hooks.started(number);
        let parker = Parker::for_current_thread();
        task::with_flag(&shared.aborting, || {
            while let Some(entry) = shared.core.next(number, &parker) {
                entry.into_job().run();
            }
        });
        shared.hooks.exits(number);
    }
    shared.core.leave(number);
}
