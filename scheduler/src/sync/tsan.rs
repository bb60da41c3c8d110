//! What the seam takes from elsewhere under ThreadSanitizer.
//!
//! The sanitizer knows of an ordering if an atomic operation makes it, in code that was compiled
//! with the sanitizer. `std` comes compiled without: what its locks order off their fast paths
//! looks like a race, and so does what its `Arc` orders by a fence. Here the same is made of
//! operations, in code that is compiled along. None of it orders more than `std`'s promises.

pub(crate) use arc::Arc;
pub(crate) use once_cell::sync::OnceCell as OnceLock;
pub(crate) use parking_lot::MutexGuard;
use std::mem::ManuallyDrop;
use std::sync::{LockResult, TryLockError, TryLockResult};

/// Never poisoned.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(parking_lot::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(parking_lot::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        Ok(self.0.lock())
    }

    pub(crate) fn try_lock(&self) -> TryLockResult<MutexGuard<'_, T>> {
        self.0.try_lock().ok_or(TryLockError::WouldBlock)
    }

    #[allow(dead_code, reason = "for the tests")]
    pub(crate) fn into_inner(self) -> LockResult<T> {
        Ok(self.0.into_inner())
    }
}

#[derive(Debug, Default)]
pub(crate) struct Condvar(parking_lot::Condvar);

impl Condvar {
    pub(crate) fn wait<'a, T>(
        &self,
        mut guard: MutexGuard<'a, T>,
    ) -> LockResult<MutexGuard<'a, T>> {
        self.0.wait(&mut guard);
        Ok(guard)
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }
}

pub(crate) mod thread {
    use super::ManuallyDrop;
    use std::io;
    use std::ops::Deref;
    use std::os::unix::thread::JoinHandleExt;
    pub(crate) use std::thread::{Result, available_parallelism, park, park_timeout};

    /// A handle that is never dropped: the references to a thread are counted by `std`.
    #[derive(Debug)]
    pub(crate) struct Thread(ManuallyDrop<std::thread::Thread>);

    impl Deref for Thread {
        type Target = std::thread::Thread;

        fn deref(&self) -> &Self::Target {
            &self.0
        }
    }

    pub(crate) fn current() -> Thread {
        Thread(ManuallyDrop::new(std::thread::current()))
    }

    #[derive(Debug)]
    pub(crate) struct Builder(std::thread::Builder);

    impl Builder {
        pub(crate) fn new() -> Self {
            Self(std::thread::Builder::new())
        }

        pub(crate) fn name(self, name: String) -> Self {
            Self(self.0.name(name))
        }

        pub(crate) fn stack_size(self, size: usize) -> Self {
            Self(self.0.stack_size(size))
        }

        pub(crate) fn spawn<F, T>(self, f: F) -> io::Result<JoinHandle<T>>
        where
            F: FnOnce() -> T + Send + 'static,
            T: Send + 'static,
        {
            self.0.spawn(f).map(|handle| JoinHandle(Some(handle)))
        }
    }

    /// A handle that only a join drops: the references to a result are counted by `std`.
    #[derive(Debug)]
    pub(crate) struct JoinHandle<T>(Option<std::thread::JoinHandle<T>>);

    impl<T> JoinHandle<T> {
        pub(crate) fn join(mut self) -> Result<T> {
            self.0.take().expect("only a join takes it").join()
        }
    }

    impl<T> Deref for JoinHandle<T> {
        type Target = std::thread::JoinHandle<T>;

        fn deref(&self) -> &Self::Target {
            self.0.as_ref().expect("only a join takes it")
        }
    }

    impl<T> Drop for JoinHandle<T> {
        fn drop(&mut self) {
            if let Some(handle) = self.0.take() {
                // SAFETY: nobody has joined the thread, and nobody will.
                unsafe { libc::pthread_detach(handle.as_pthread_t()) };
                std::mem::forget(handle);
            }
        }
    }
}

mod arc {
    use std::fmt;
    use std::mem::offset_of;
    use std::ops::Deref;
    use std::panic::{RefUnwindSafe, UnwindSafe};
    use std::process::abort;
    use std::ptr::NonNull;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// A counted reference whose count goes down by an operation that also acquires.
    pub(crate) struct Arc<T>(NonNull<Counted<T>>);

    struct Counted<T> {
        references: AtomicUsize,
        value: T,
    }

    // SAFETY: every thread with a reference can reach the value, and the last one drops it.
    unsafe impl<T: Send + Sync> Send for Arc<T> {}
    // SAFETY: as above.
    unsafe impl<T: Send + Sync> Sync for Arc<T> {}
    impl<T: RefUnwindSafe> UnwindSafe for Arc<T> {}

    impl<T> Arc<T> {
        pub(crate) fn new(value: T) -> Self {
            let counted = Counted { references: AtomicUsize::new(1), value };
            Self(NonNull::from(Box::leak(Box::new(counted))))
        }

        pub(crate) fn as_ptr(this: &Self) -> *const T {
            this.0.as_ptr().wrapping_byte_add(offset_of!(Counted<T>, value)).cast()
        }

        /// The reference as a pointer to the value.
        pub(crate) fn into_raw(this: Self) -> *const T {
            let value = Self::as_ptr(&this);
            std::mem::forget(this);
            value
        }

        /// # Safety
        ///
        /// 1. `value` came from [`into_raw`](Self::into_raw), and this is the only time that it
        ///    is taken back.
        pub(crate) unsafe fn from_raw(value: *const T) -> Self {
            let counted = value.wrapping_byte_sub(offset_of!(Counted<T>, value)).cast_mut();
            // SAFETY: (1): it was not null.
            Self(unsafe { NonNull::new_unchecked(counted.cast()) })
        }

        #[allow(dead_code, reason = "for the tests")]
        pub(crate) fn strong_count(this: &Self) -> usize {
            this.counted().references.load(Ordering::Acquire)
        }

        fn counted(&self) -> &Counted<T> {
            // SAFETY: this reference counts.
            unsafe { self.0.as_ref() }
        }
    }

    impl<T> Clone for Arc<T> {
        fn clone(&self) -> Self {
            // Ordering: Relaxed, there is a reference to make it from.
            if self.counted().references.fetch_add(1, Ordering::Relaxed) > isize::MAX as usize {
                abort();
            }
            Self(self.0)
        }
    }

    impl<T> Drop for Arc<T> {
        fn drop(&mut self) {
            // Ordering: Release, so that the use of each reference comes before the drop of the
            // value; Acquire, so that this comes after all of them.
            if self.counted().references.fetch_sub(1, Ordering::AcqRel) == 1 {
                // SAFETY: made by `new`, and this was the last reference.
                drop(unsafe { Box::from_raw(self.0.as_ptr()) });
            }
        }
    }

    impl<T> Deref for Arc<T> {
        type Target = T;

        fn deref(&self) -> &T {
            &self.counted().value
        }
    }

    impl<T: Default> Default for Arc<T> {
        fn default() -> Self {
            Self::new(T::default())
        }
    }

    impl<T: fmt::Debug> fmt::Debug for Arc<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            (**self).fmt(f)
        }
    }
}
