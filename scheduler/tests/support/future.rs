//! Driving futures without a runtime.

use super::sync::thread;
use std::any::Any;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

/// Keeps a waker for the life of the process. ThreadSanitizer does not see the fence by which the last of
/// several threads frees what an `Arc` of `std` holds, and a waker can have no other.
pub(crate) fn kept<W: Wake + Any + Send + Sync>(waker: W) -> Arc<W> {
    static KEPT: Mutex<Vec<Arc<dyn Any + Send + Sync>>> = Mutex::new(Vec::new());
    let waker = Arc::new(waker);
    KEPT.lock().unwrap().push(Arc::clone(&waker) as Arc<dyn Any + Send + Sync>);
    waker
}

/// A waker that counts.
#[derive(Default)]
pub(crate) struct Wakes(pub(crate) AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

pub(crate) fn wakes() -> (Arc<Wakes>, Waker) {
    let wakes = kept(Wakes::default());
    (Arc::clone(&wakes), Waker::from(wakes))
}

/// Drives a future on this thread.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(kept(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}
