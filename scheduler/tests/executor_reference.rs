//! An executor does, step by step, what a model of it in a few lines does: random sequences of operations on
//! both.
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use scheduler::{
    Executor, JoinError, JoinHandle, Rejected, RejectedReason, RejectionPolicy, Shutdown,
    SubmitAsync, ThreadPool, Verdict,
};
use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use support::sync::{Arc, Mutex, mpsc, thread};
use support::{Drops, pool, watchdog_for};

#[derive(Clone, Debug)]
enum Operation {
    Submit(Policy),
    SubmitAll(usize, Policy),
    /// What runs ends.
    Finish,
    /// By the handle of the so-manieth closure.
    Abort(usize),
    Future,
    Poll(usize),
    DropFuture(usize),
    ShutDown(End),
}

/// Those that do not wait.
#[derive(Clone, Copy, Debug)]
enum Policy {
    BlockForNothing,
    Abort,
    CallerRuns,
    Discard,
    DiscardOldest,
}

#[derive(Clone, Copy, Debug)]
enum End {
    Cancel,
    Now,
}

/// What becomes of a closure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Ran,
    Aborted,
    Discarded,
    ShutDown,
}

impl Fate {
    fn of(result: Result<usize, JoinError>, id: usize) -> Self {
        match result {
            Ok(value) => {
                assert_eq!(value, id);
                Self::Ran
            }
            Err(error) if error.is_aborted() => Self::Aborted,
            Err(error) if error.is_discarded() => Self::Discarded,
            Err(error) => {
                assert!(error.is_shut_down());
                Self::ShutDown
            }
        }
    }
}

/// An executor on one worker.
#[derive(Default)]
struct Model {
    capacity: usize,
    queue: VecDeque<usize>,
    running: Option<usize>,
    /// Futures that wait.
    line: VecDeque<usize>,
    /// Futures for which room is kept.
    told: Vec<usize>,
    closed: bool,
    fates: BTreeMap<usize, Fate>,
}

impl Model {
    fn free(&self) -> usize {
        self.capacity - self.queue.len() - self.told.len()
    }

    fn give(&mut self) {
        while self.free() > 0
            && let Some(future) = self.line.pop_front()
        {
            self.told.push(future);
        }
    }

    fn submit(&mut self, ids: &[usize], policy: Policy) -> Result<(), RejectedReason> {
        if self.closed {
            return Err(RejectedReason::ShutDown);
        }
        let free = if self.line.is_empty() { self.free() } else { 0 };
        if ids.len() > self.capacity {
            return Err(RejectedReason::Full);
        }
        if ids.len() > free {
            let fate = match policy {
                Policy::BlockForNothing => return Err(RejectedReason::TimedOut),
                Policy::Abort => return Err(RejectedReason::Full),
                Policy::CallerRuns => Fate::Ran,
                Policy::Discard => Fate::Discarded,
                Policy::DiscardOldest => {
                    let leave = ids.len() - free;
                    if leave > self.queue.len() {
                        return Err(RejectedReason::Full);
                    }
                    let left = self.queue.drain(..leave).map(|id| (id, Fate::Discarded));
                    self.fates.extend(left);
                    self.queue.extend(ids);
                    return Ok(());
                }
            };
            self.fates.extend(ids.iter().map(|&id| (id, fate)));
            return Ok(());
        }
        self.queue.extend(ids);
        Ok(())
    }

    fn abort(&mut self, id: usize) {
        if let Some(index) = self.queue.iter().position(|&queued| queued == id) {
            self.queue.remove(index);
            self.fates.insert(id, Fate::Aborted);
            self.give();
        }
    }

    /// The worker takes the oldest if it has nothing.
    fn start(&mut self) -> Option<usize> {
        if self.running.is_some() {
            return None;
        }
        self.running = self.queue.pop_front();
        self.give();
        self.running
    }

    fn finish(&mut self) -> bool {
        let ended = self.running.take();
        self.fates.extend(ended.map(|id| (id, Fate::Ran)));
        ended.is_some()
    }

    /// Whether it is in now; `None`: it waits.
    fn poll(&mut self, future: usize, id: usize) -> Option<bool> {
        if self.closed {
            return Some(false);
        }
        if let Some(index) = self.told.iter().position(|&told| told == future) {
            self.told.remove(index);
        } else if self.line.contains(&future) {
            return None;
        } else if !self.line.is_empty() || self.free() == 0 {
            self.line.push_back(future);
            return None;
        }
        self.queue.push_back(id);
        Some(true)
    }

    fn drop_future(&mut self, future: usize) {
        self.line.retain(|&waits| waits != future);
        self.told.retain(|&told| told != future);
        self.give();
    }

    fn shut_down(&mut self) {
        self.closed = true;
        self.line.clear();
        self.told.clear();
        let dropped = self.queue.drain(..).map(|id| (id, Fate::ShutDown));
        self.fates.extend(dropped);
    }
}

type Closure = Box<dyn FnOnce() -> usize + Send>;

/// The real one, and what it is told.
struct Real {
    executor: Executor,
    verdict: Arc<Mutex<Verdict>>,
    started: mpsc::Receiver<usize>,
    starts: mpsc::Sender<usize>,
    go: mpsc::Sender<()>,
    gone: Arc<Mutex<mpsc::Receiver<()>>>,
    drops: Drops,
    made: usize,
    handles: BTreeMap<usize, JoinHandle<usize>>,
    futures: Vec<(usize, usize, SubmitAsync<Closure, usize>)>,
    next_future: usize,
}

impl Real {
    fn new(pool: &ThreadPool, capacity: usize) -> Self {
        let verdict = Arc::new(Mutex::new(Verdict::Abort));
        let decides = Arc::clone(&verdict);
        let policy = RejectionPolicy::custom(move |_| *decides.lock().unwrap());
        let executor = Executor::builder(pool).queue_capacity(capacity).on_full(policy);
        let (starts, started) = mpsc::channel();
        let (go, gone) = mpsc::channel();
        Self {
            executor: executor.build().unwrap(),
            verdict,
            started,
            starts,
            go,
            gone: Arc::new(Mutex::new(gone)),
            drops: Drops::default(),
            made: 0,
            handles: BTreeMap::new(),
            futures: Vec::new(),
            next_future: 0,
        }
    }

    /// A closure that gives its number. On a worker it says that it has started, and waits to be let go.
    fn closure(&mut self) -> (usize, Closure) {
        let id = self.made;
        self.made += 1;
        let (starts, gone) = (self.starts.clone(), Arc::clone(&self.gone));
        let (token, here) = (self.drops.token(), thread::current().id());
        let closure = move || {
            let _token = token;
            if thread::current().id() != here {
                starts.send(id).unwrap();
                gone.lock().unwrap().recv().unwrap();
            }
            id
        };
        (id, Box::new(closure))
    }

    fn set(&self, policy: Policy) {
        *self.verdict.lock().unwrap() = match policy {
            Policy::BlockForNothing => Verdict::BlockFor(Duration::ZERO),
            Policy::Abort => Verdict::Abort,
            Policy::CallerRuns => Verdict::CallerRuns,
            Policy::Discard => Verdict::Discard,
            Policy::DiscardOldest => Verdict::DiscardOldest,
        };
    }
}

fn reason<T, F>(result: &Result<T, Rejected<F>>) -> Result<(), RejectedReason> {
    result.as_ref().map(|_| ()).map_err(Rejected::reason)
}

fn step(model: &mut Model, real: &mut Real, operation: &Operation) {
    match *operation {
        Operation::Submit(policy) => {
            real.set(policy);
            let (id, closure) = real.closure();
            let result = real.executor.submit(closure);
            assert_eq!(reason(&result), model.submit(&[id], policy));
            real.handles.extend(result.ok().map(|handle| (id, handle)));
        }
        Operation::SubmitAll(n, policy) => {
            real.set(policy);
            let (ids, closures): (Vec<_>, Vec<_>) = (0..n).map(|_| real.closure()).unzip();
            let result = real.executor.submit_all(closures);
            let expected = if n == 0 { Ok(()) } else { model.submit(&ids, policy) };
            assert_eq!(reason(&result), expected);
            match result {
                Ok(handles) => real.handles.extend(ids.into_iter().zip(handles)),
                Err(rejected) => assert_eq!(rejected.into_inner().len(), n),
            }
        }
        Operation::Finish => {
            if model.finish() {
                real.go.send(()).unwrap();
            }
        }
        Operation::Abort(which) => {
            let Some(which) = which.checked_rem(real.handles.len()) else { return };
            let (&id, handle) = real.handles.iter().nth(which).unwrap();
            handle.abort();
            model.abort(id);
        }
        Operation::Future => {
            let (id, closure) = real.closure();
            let future = real.executor.submit_async(closure);
            real.futures.push((real.next_future, id, future));
            real.next_future += 1;
        }
        Operation::Poll(which) => {
            let Some(which) = which.checked_rem(real.futures.len()) else { return };
            let (number, id, future) = &mut real.futures[which];
            let (number, id) = (*number, *id);
            let polled = Pin::new(future).poll(&mut Context::from_waker(Waker::noop()));
            let expected = model.poll(number, id);
            match polled {
                Poll::Pending => assert_eq!(expected, None),
                Poll::Ready(result) => {
                    assert_eq!(expected, Some(result.is_ok()));
                    drop(real.futures.remove(which));
                    real.handles.extend(result.ok().map(|handle| (id, handle)));
                }
            }
        }
        Operation::DropFuture(which) => {
            let Some(which) = which.checked_rem(real.futures.len()) else { return };
            let (number, _, future) = real.futures.remove(which);
            drop(future);
            model.drop_future(number);
        }
        Operation::ShutDown(end) => {
            let queued = model.queue.len();
            match end {
                // Waits for what runs, so that ends first.
                End::Cancel => {
                    let executor = real.executor.clone();
                    let ender =
                        thread::spawn(move || executor.shutdown(Shutdown::CancelQueued).cancelled);
                    support::wait_until(|| {
                        real.executor.is_shut_down() && real.executor.queue_len() == 0
                    });
                    if model.finish() {
                        real.go.send(()).unwrap();
                    }
                    assert_eq!(ender.join().unwrap(), queued);
                }
                End::Now => assert_eq!(real.executor.shutdown_now().len(), queued),
            }
            model.shut_down();
        }
    }
    // The worker goes on as far as it can.
    if let Some(id) = model.start() {
        assert_eq!(real.started.recv().unwrap(), id, "not the oldest");
    }
    let metrics = real.executor.metrics();
    assert_eq!(metrics.queue_len, model.queue.len());
    assert!(metrics.high_water <= model.capacity);
}

fn agree(capacity: usize, operations: &[Operation]) {
    let pool = pool(1);
    let mut model = Model { capacity, ..Model::default() };
    let mut real = Real::new(&pool, capacity);
    for operation in operations {
        step(&mut model, &mut real, operation);
    }
    while model.running.is_some() {
        step(&mut model, &mut real, &Operation::Finish);
    }
    drop(pool);
    let Real { handles, futures, executor, drops, made, .. } = real;
    let fates: BTreeMap<usize, Fate> =
        handles.into_iter().map(|(id, handle)| (id, Fate::of(handle.join(), id))).collect();
    assert_eq!(fates, model.fates);
    drop((futures, executor));
    assert_eq!(drops.count(), made, "each closure is dropped once");
}

fn policies() -> impl Strategy<Value = Policy> {
    prop_oneof![
        Just(Policy::BlockForNothing),
        Just(Policy::Abort),
        Just(Policy::CallerRuns),
        Just(Policy::Discard),
        Just(Policy::DiscardOldest),
    ]
}

fn operations() -> impl Strategy<Value = Operation> {
    prop_oneof![
        8 => policies().prop_map(Operation::Submit),
        2 => (0..5_usize, policies()).prop_map(|(n, policy)| Operation::SubmitAll(n, policy)),
        5 => Just(Operation::Finish),
        3 => any::<usize>().prop_map(Operation::Abort),
        3 => Just(Operation::Future),
        6 => any::<usize>().prop_map(Operation::Poll),
        1 => any::<usize>().prop_map(Operation::DropFuture),
        1 => prop_oneof![Just(End::Cancel), Just(End::Now)].prop_map(Operation::ShutDown),
    ]
}

#[test]
fn an_executor_does_what_its_model_does() {
    let name = "an_executor_does_what_its_model_does";
    watchdog_for(Duration::from_secs(600), name, || {
        let config = Config { cases: 256, failure_persistence: None, ..Config::default() };
        let sequences = (1..5_usize, prop::collection::vec(operations(), 0..80));
        let result = TestRunner::new(config).run(&sequences, |(capacity, operations)| {
            agree(capacity, &operations);
            Ok(())
        });
        result.unwrap_or_else(|error| panic!("{error}"));
    });
}
