//! The pools, behind one small trait.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, TryLockError,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use scheduler::Counts;

/// What a pool runs.
pub(crate) type Task = Box<dyn FnOnce() + Send>;

/// Somewhere to send tasks to, from outside or from a task.
pub(crate) trait Pool: Send + Sync {
    /// Runs `task` some time from now.
    fn submit(&self, task: Task);

    /// How long threads have waited for the pool's lock, all added up, where it has one that can
    /// be watched.
    fn waited_for_lock(&self) -> Option<Duration> {
        None
    }

    /// What the workers have counted, where they do.
    fn counts(&self) -> Option<Counts> {
        None
    }
}

/// Starts a pool with so many workers.
pub(crate) type Start = fn(usize) -> Box<dyn Pool>;

/// All pools by name: those with a single queue first.
pub(super) const POOLS: [(&str, Start); 5] = [
    ("mutex+condvar", locked),
    ("crossbeam-channel", channel),
    ("ours", |workers| Box::new(ours(workers))),
    ("rayon", |workers| Box::new(rayon(workers))),
    ("tokio", |workers| Box::new(tokio(workers))),
];

pub(crate) fn locked(workers: usize) -> Box<dyn Pool> {
    Box::new(Locked::start(workers))
}

pub(crate) fn channel(workers: usize) -> Box<dyn Pool> {
    Box::new(Channel::start(workers))
}

fn start_threads(workers: usize, run: impl Fn() + Clone + Send + 'static) -> Vec<JoinHandle<()>> {
    (0..workers).map(|_| thread::spawn(run.clone())).collect()
}

fn join_all(threads: &mut Vec<JoinHandle<()>>) {
    for thread in threads.drain(..) {
        thread.join().expect("no task panics");
    }
}

/// One queue under one lock, a wake-up for each task.
struct Locked {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    filled: Condvar,
    waited_ns: AtomicU64,
}

#[derive(Default)]
struct Queue {
    tasks: VecDeque<Task>,
    closed: bool,
}

impl Locked {
    fn start(workers: usize) -> Locked {
        let shared = Arc::<Shared>::default();
        let threads = start_threads(workers, {
            let shared = Arc::clone(&shared);
            move || shared.work()
        });
        Locked { shared, threads }
    }
}

impl Shared {
    /// The lock. The clock is read only by those who have to wait.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        match self.queue.try_lock() {
            Ok(queue) => queue,
            Err(TryLockError::WouldBlock) => {
                let begun = Instant::now();
                let queue = self.queue.lock().expect("nobody panics with the lock");
                let waited = begun.elapsed().as_nanos() as u64;
                self.waited_ns.fetch_add(waited, Ordering::Relaxed);
                queue
            }
            Err(TryLockError::Poisoned(_)) => unreachable!("nobody panics with the lock"),
        }
    }

    fn work(&self) {
        loop {
            let mut queue = self.lock();
            let task = loop {
                match queue.tasks.pop_front() {
                    Some(task) => break task,
                    None if queue.closed => return,
                    None => queue = self.filled.wait(queue).expect("nobody panics with the lock"),
                }
            };
            drop(queue);
            task();
        }
    }
}

impl Pool for Locked {
    fn submit(&self, task: Task) {
        self.shared.lock().tasks.push_back(task);
        self.shared.filled.notify_one();
    }

    fn waited_for_lock(&self) -> Option<Duration> {
        Some(Duration::from_nanos(self.shared.waited_ns.load(Ordering::Relaxed)))
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.filled.notify_all();
        join_all(&mut self.threads);
    }
}

/// One lock-free queue.
struct Channel {
    /// Taken at the end, which closes the channel.
    sender: Option<crossbeam_channel::Sender<Task>>,
    threads: Vec<JoinHandle<()>>,
}

impl Channel {
    fn start(workers: usize) -> Channel {
        let (sender, tasks) = crossbeam_channel::unbounded::<Task>();
        let threads = start_threads(workers, move || tasks.iter().for_each(|task| task()));
        Channel { sender: Some(sender), threads }
    }
}

impl Pool for Channel {
    fn submit(&self, task: Task) {
        let sender = self.sender.as_ref().expect("there until the end");
        sender.send(task).expect("the workers receive until the end");
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.sender = None;
        join_all(&mut self.threads);
    }
}

pub(crate) fn ours(workers: usize) -> scheduler::ThreadPool {
    scheduler::ThreadPool::new(workers)
        .unwrap_or_else(|e| panic!("cannot start our pool of {workers}: {e}"))
}

impl Pool for scheduler::ThreadPool {
    fn submit(&self, task: Task) {
        // Nobody wants to wait for it, and the others have no handle either, or cannot do without.
        assert!(self.execute(task).is_ok(), "the pool is open until the end");
    }

    fn counts(&self) -> Option<Counts> {
        Some(self.metrics().total())
    }
}

fn rayon(workers: usize) -> ::rayon::ThreadPool {
    let pool = ::rayon::ThreadPoolBuilder::new().num_threads(workers).build();
    pool.unwrap_or_else(|e| panic!("cannot start rayon's pool of {workers}: {e}"))
}

impl Pool for ::rayon::ThreadPool {
    fn submit(&self, task: Task) {
        self.spawn(task);
    }
}

fn tokio(workers: usize) -> ::tokio::runtime::Runtime {
    let runtime = ::tokio::runtime::Builder::new_multi_thread().worker_threads(workers).build();
    runtime.unwrap_or_else(|e| panic!("cannot start a tokio runtime of {workers}: {e}"))
}

impl Pool for ::tokio::runtime::Runtime {
    fn submit(&self, task: Task) {
        drop(self.spawn(async move { task() }));
    }
}
