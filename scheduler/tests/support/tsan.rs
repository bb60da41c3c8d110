//! Stand-ins for what the tests use of `std::sync` and `std::thread`: see `src/sync/tsan.rs`.

#[path = "../../src/sync/tsan.rs"]
#[allow(unused, reason = "the tests use less of it")]
mod seam;

use parking_lot::Condvar;
pub(crate) use seam::{Arc, Mutex};
use std::marker::PhantomData;

/// Of no use, always: the watchdog that would have one shows less of a hang.
#[derive(Debug)]
pub(crate) struct Weak<T>(PhantomData<T>);

impl<T> Arc<T> {
    pub(crate) fn downgrade(_: &Self) -> Weak<T> {
        Weak(PhantomData)
    }
}

impl<T> Weak<T> {
    pub(crate) fn upgrade(&self) -> Option<Arc<T>> {
        None
    }
}

impl<T> Default for Weak<T> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

#[derive(Debug)]
pub(crate) struct Barrier {
    size: usize,
    state: parking_lot::Mutex<Waiting>,
    all_came: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    threads: usize,
    /// How often all have come.
    rounds: usize,
}

pub(crate) struct BarrierWaitResult(bool);

impl BarrierWaitResult {
    pub(crate) fn is_leader(&self) -> bool {
        self.0
    }
}

impl Barrier {
    pub(crate) fn new(size: usize) -> Self {
        Self { size, state: parking_lot::Mutex::default(), all_came: Condvar::new() }
    }

    pub(crate) fn wait(&self) -> BarrierWaitResult {
        let mut state = self.state.lock();
        state.threads += 1;
        if state.threads >= self.size {
            *state = Waiting { threads: 0, rounds: state.rounds + 1 };
            self.all_came.notify_all();
            return BarrierWaitResult(true);
        }
        let rounds = state.rounds;
        self.all_came.wait_while(&mut state, |state| state.rounds == rounds);
        BarrierWaitResult(false)
    }
}

pub(crate) mod mpsc {
    use super::{Arc, Condvar};
    use parking_lot::Mutex;
    use std::collections::VecDeque;
    pub(crate) use std::sync::mpsc::{RecvError, RecvTimeoutError, SendError, TryRecvError};
    use std::time::Duration;

    #[derive(Debug)]
    struct Channel<T> {
        state: Mutex<State<T>>,
        changed: Condvar,
    }

    #[derive(Debug)]
    struct State<T> {
        values: VecDeque<T>,
        senders: usize,
        has_receiver: bool,
    }

    #[derive(Debug)]
    pub(crate) struct Sender<T>(Arc<Channel<T>>);

    #[derive(Debug)]
    pub(crate) struct Receiver<T>(Arc<Channel<T>>);

    pub(crate) fn channel<T>() -> (Sender<T>, Receiver<T>) {
        let state = State { values: VecDeque::new(), senders: 1, has_receiver: true };
        let channel = Arc::new(Channel { state: Mutex::new(state), changed: Condvar::new() });
        (Sender(Arc::clone(&channel)), Receiver(channel))
    }

    impl<T> Sender<T> {
        pub(crate) fn send(&self, value: T) -> Result<(), SendError<T>> {
            let mut state = self.0.state.lock();
            if !state.has_receiver {
                return Err(SendError(value));
            }
            state.values.push_back(value);
            self.0.changed.notify_one();
            Ok(())
        }
    }

    impl<T> Clone for Sender<T> {
        fn clone(&self) -> Self {
            self.0.state.lock().senders += 1;
            Self(Arc::clone(&self.0))
        }
    }

    impl<T> Drop for Sender<T> {
        fn drop(&mut self) {
            self.0.state.lock().senders -= 1;
            self.0.changed.notify_one();
        }
    }

    impl<T> Receiver<T> {
        pub(crate) fn recv(&self) -> Result<T, RecvError> {
            let mut state = self.0.state.lock();
            self.0.changed.wait_while(&mut state, |state| state.is_waited_for());
            state.values.pop_front().ok_or(RecvError)
        }

        pub(crate) fn try_recv(&self) -> Result<T, TryRecvError> {
            let mut state = self.0.state.lock();
            match state.values.pop_front() {
                Some(value) => Ok(value),
                None if state.senders == 0 => Err(TryRecvError::Disconnected),
                None => Err(TryRecvError::Empty),
            }
        }

        pub(crate) fn iter(&self) -> impl Iterator<Item = T> {
            std::iter::from_fn(|| self.recv().ok())
        }

        pub(crate) fn recv_timeout(&self, patience: Duration) -> Result<T, RecvTimeoutError> {
            let mut state = self.0.state.lock();
            self.0.changed.wait_while_for(&mut state, |state| state.is_waited_for(), patience);
            match state.values.pop_front() {
                Some(value) => Ok(value),
                None if state.senders == 0 => Err(RecvTimeoutError::Disconnected),
                None => Err(RecvTimeoutError::Timeout),
            }
        }
    }

    impl<T> Iterator for Receiver<T> {
        type Item = T;

        fn next(&mut self) -> Option<T> {
            self.recv().ok()
        }
    }

    impl<T> Drop for Receiver<T> {
        fn drop(&mut self) {
            let mut state = self.0.state.lock();
            state.has_receiver = false;
            let values = std::mem::take(&mut state.values);
            // A value's drop may come back to this channel.
            drop(state);
            drop(values);
        }
    }

    impl<T> State<T> {
        fn is_waited_for(&self) -> bool {
            self.values.is_empty() && self.senders != 0
        }
    }
}

pub(crate) mod thread {
    pub(crate) use super::seam::thread::{Builder, JoinHandle};
    use super::{Arc, Mutex};
    use std::any::Any;
    use std::marker::PhantomData;
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
    pub(crate) use std::thread::*;

    pub(crate) fn spawn<F, T>(f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        Builder::new().spawn(f).expect("a thread")
    }

    /// A scope that joins its threads one by one: how `std` waits for them is not seen.
    pub(crate) struct Scope<'scope, 'env: 'scope> {
        threads: Mutex<Vec<Shared>>,
        scope: PhantomData<&'scope mut &'scope ()>,
        env: PhantomData<&'env mut &'env ()>,
    }

    pub(crate) struct ScopedJoinHandle<'scope, T> {
        thread: Shared,
        value: Arc<Mutex<Option<T>>>,
        scope: PhantomData<&'scope mut &'scope ()>,
    }

    type Shared = Arc<Mutex<Option<std::thread::JoinHandle<Ended>>>>;
    type Ended = std::result::Result<(), Box<dyn Any + Send>>;

    pub(crate) fn scope<'env, F, R>(f: F) -> R
    where
        F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> R,
    {
        let threads = Mutex::default();
        let scope = Scope { threads, scope: PhantomData, env: PhantomData };
        let result = catch_unwind(AssertUnwindSafe(|| f(&scope)));
        let mut panicked = false;
        loop {
            let thread = scope.threads.lock().unwrap().pop();
            let Some(thread) = thread else { break };
            panicked |= join(&thread).is_some_and(|ended| ended.is_err());
        }
        match result {
            Err(payload) => resume_unwind(payload),
            Ok(_) if panicked => panic!("a scoped thread panicked"),
            Ok(result) => result,
        }
    }

    fn join(thread: &Shared) -> Option<Ended> {
        // Under the lock: who finds it joined already also has it joined before.
        let mut thread = thread.lock().unwrap();
        thread.take().map(|thread| thread.join().expect("its panic is caught"))
    }

    impl<'scope> Scope<'scope, '_> {
        pub(crate) fn spawn<F, T>(&'scope self, f: F) -> ScopedJoinHandle<'scope, T>
        where
            F: FnOnce() -> T + Send + 'scope,
            T: Send + 'scope,
        {
            let value = Arc::new(Mutex::new(None));
            let slot = Arc::clone(&value);
            let body = move || {
                catch_unwind(AssertUnwindSafe(f)).map(|value| *slot.lock().unwrap() = Some(value))
            };
            // SAFETY: `scope` joins the thread before it returns, so before `'scope` ends.
            let thread =
                unsafe { std::thread::Builder::new().spawn_unchecked(body) }.expect("a thread");
            let thread = Arc::new(Mutex::new(Some(thread)));
            self.threads.lock().unwrap().push(Arc::clone(&thread));
            ScopedJoinHandle { thread, value, scope: PhantomData }
        }
    }

    impl<T> ScopedJoinHandle<'_, T> {
        pub(crate) fn join(self) -> Result<T> {
            join(&self.thread).expect("the scope has not ended")?;
            Ok(self.value.lock().unwrap().take().expect("it did not panic"))
        }

        pub(crate) fn is_finished(&self) -> bool {
            self.thread.lock().unwrap().as_ref().is_none_or(|thread| thread.is_finished())
        }
    }
}
