//! The stand-ins for `crossbeam_deque`, and for the global queue, under loom and shuttle.
//!
//! crossbeam's queues use the atomics of `std`, which neither sees: a model over them would
//! pass with any fault. So the models run over this file, which has the part of crossbeam's
//! interface that `shared.rs` uses. **crossbeam's own code is not modelled**; for it stand its
//! own tests.
//!
//! # Protocol
//!
//! [`Worker`] and [`Stealer`] are the deque of Chase and Lev (SPAA 2005) with the orderings of
//! Lê et al. (PPoPP 2013), as crossbeam's is. Two indices, `front`, the oldest value, and `back`,
//! one past the newest; the values are at `front .. back`.
//!
//! | who | does | by |
//! |---|---|---|
//! | owner | `push`: slot, Release fence, then `back + 1` | stores |
//! | owner | `push` into a full buffer: a copy of twice the size, stored with Release | a store |
//! | owner | `pop`: `back - 1`, SeqCst fence, read `front`; the last value by exchange | stores; an exchange for the last |
//! | thief | `steal`: read `front`, SeqCst fence, read `back`, the buffer, the slot; then `front + 1` | an exchange |
//!
//! [`Injector`] is one block of `injector.rs`, for models that have no room for its atomics: `push`
//! reserves a slot by exchanging `tail` and writes it after; `claim` exchanges `head`, and waits for
//! the slots' writers.
//!
//! Where crossbeam is stronger than its documentation promises, the stand-in is weaker, so that
//! no model passes because of it: an `is_empty` has no fence. No emptiness is decided under a lock, which would order the pusher against the
//! sleeper and hide a fence that is missing in `sleep/`.
//!
//! Differences that no protocol here can see: nothing shrinks; buffers and nodes are kept until
//! the queue drops instead of being reclaimed by epochs; a slot holds a pointer to a node with
//! the value. A value taken twice is therefore a message and not a double free.

use crate::sync::fault::{self, Fault};
use crate::sync::{
    Arc, AtomicPtr, AtomicUsize, INJECTOR_BLOCK, Ordering, UnsafeCell, fence, spin_loop,
};
use std::marker::PhantomData;
use std::ptr;

/// Small, so that a push grows the buffer while a thief reads it.
const FIRST_CAPACITY: usize = 2;

/// As crossbeam's.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Steal<T> {
    Empty,
    Success(T),
    Retry,
}

/// Where a value is until it is taken.
struct Node<T>(UnsafeCell<Option<T>>);

impl<T> Node<T> {
    fn new(value: T) -> *mut Self {
        Box::into_raw(Box::new(Self(UnsafeCell::new(Some(value)))))
    }

    /// # Safety
    ///
    /// 1. `this` is null or came from [`new`](Self::new) and has not been freed.
    unsafe fn take(this: *mut Self) -> T {
        // SAFETY: (1).
        let node = unsafe { this.as_ref() }.expect("read a slot that nobody has written");
        node.0.with_mut(|value| {
            // SAFETY: loom fails the model if this access is not exclusive.
            unsafe { &mut *value }.take().expect("a value was taken twice")
        })
    }
}

/// A power of two of slots.
struct Buffer<T>(Box<[AtomicPtr<Node<T>>]>);

impl<T> Buffer<T> {
    fn new(capacity: usize) -> Self {
        Self((0..capacity).map(|_| AtomicPtr::new(ptr::null_mut())).collect())
    }

    fn slot(&self, index: usize) -> &AtomicPtr<Node<T>> {
        &self.0[index & (self.0.len() - 1)]
    }
}

struct Deque<T> {
    front: AtomicUsize,
    back: AtomicUsize,
    buffer: AtomicPtr<Buffer<T>>,
    /// What to free at the end. The owner's alone.
    kept: UnsafeCell<Kept<T>>,
}

struct Kept<T> {
    buffers: Vec<*mut Buffer<T>>,
    nodes: Vec<*mut Node<T>>,
}

// SAFETY: values go from thread to thread; everything else is atomic or the owner's.
unsafe impl<T: Send> Send for Deque<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Deque<T> {}

fn length(front: usize, back: usize) -> isize {
    back.wrapping_sub(front).cast_signed()
}

impl<T> Deque<T> {
    fn buffer(&self, order: Ordering) -> &Buffer<T> {
        // SAFETY: buffers are freed when the deque drops.
        unsafe { &*self.buffer.load(order) }
    }

    /// Owner, or the last one.
    fn with_kept<R>(&self, f: impl FnOnce(&mut Kept<T>) -> R) -> R {
        self.kept.with_mut(|kept| {
            // SAFETY: loom fails the model if this access is not exclusive.
            f(unsafe { &mut *kept })
        })
    }

    fn advance_front(&self, front: usize) -> bool {
        let next = front.wrapping_add(1);
        self.front.compare_exchange(front, next, Ordering::SeqCst, Ordering::Relaxed).is_ok()
    }
}

impl<T> Drop for Deque<T> {
    fn drop(&mut self) {
        self.with_kept(|kept| {
            for node in kept.nodes.drain(..) {
                // SAFETY: made by `Node::new` and freed here only.
                drop(unsafe { Box::from_raw(node) });
            }
            for buffer in kept.buffers.drain(..) {
                // SAFETY: made from a box and freed here only.
                drop(unsafe { Box::from_raw(buffer) });
            }
        });
    }
}

/// The owner's end.
pub(crate) struct Worker<T> {
    deque: Arc<Deque<T>>,
    not_sync: PhantomData<*mut ()>,
}

// SAFETY: one thread at a time has the owner's end.
unsafe impl<T: Send> Send for Worker<T> {}

impl<T> Worker<T> {
    pub(crate) fn new_lifo() -> Self {
        let buffer = Box::into_raw(Box::new(Buffer::new(FIRST_CAPACITY)));
        let deque = Deque {
            front: AtomicUsize::new(0),
            back: AtomicUsize::new(0),
            buffer: AtomicPtr::new(buffer),
            kept: UnsafeCell::new(Kept { buffers: vec![buffer], nodes: Vec::new() }),
        };
        Self { deque: Arc::new(deque), not_sync: PhantomData }
    }

    pub(crate) fn stealer(&self) -> Stealer<T> {
        Stealer(Arc::clone(&self.deque))
    }

    pub(crate) fn push(&self, value: T) {
        let deque = &*self.deque;
        let node = Node::new(value);
        deque.with_kept(|kept| kept.nodes.push(node));
        let back = deque.back.load(Ordering::Relaxed);
        // Ordering: Acquire, with the exchanges of the thieves: their reads of a slot come
        // before it is used again.
        let front = deque.front.load(Ordering::Acquire);
        let mut buffer = deque.buffer(Ordering::Relaxed);
        if length(front, back) >= buffer.0.len().cast_signed() {
            self.grow(front, back);
            buffer = deque.buffer(Ordering::Relaxed);
        }
        buffer.slot(back).store(node, Ordering::Relaxed);
        if !fault::is(Fault::DequePushNoFence) {
            // Ordering: Release, with the Acquire of `back` in `steal`.
            fence(Ordering::Release);
        }
        deque.back.store(back.wrapping_add(1), Ordering::Relaxed);
    }

    fn grow(&self, front: usize, back: usize) {
        let deque = &*self.deque;
        let old = deque.buffer(Ordering::Relaxed);
        let new = Buffer::new(old.0.len() * 2);
        let mut index = front;
        while index != back {
            let node = old.slot(index).load(Ordering::Relaxed);
            new.slot(index).store(node, Ordering::Relaxed);
            index = index.wrapping_add(1);
        }
        let new = Box::into_raw(Box::new(new));
        deque.with_kept(|kept| kept.buffers.push(new));
        let order =
            if fault::is(Fault::DequeGrowRelaxed) { Ordering::Relaxed } else { Ordering::Release };
        // Ordering: Release, with the Acquire of the buffer in `steal`: its slots are there.
        deque.buffer.store(new, order);
    }

    pub(crate) fn pop(&self) -> Option<T> {
        let deque = &*self.deque;
        let back = deque.back.load(Ordering::Relaxed);
        if length(deque.front.load(Ordering::Relaxed), back) <= 0 {
            return None;
        }
        let last = back.wrapping_sub(1);
        deque.back.store(last, Ordering::Relaxed);
        if !fault::is(Fault::DequePopNoFence) {
            // Pairs with the fence in `steal`: the thief sees `back`, or this sees `front`.
            fence(Ordering::SeqCst);
        }
        let front = deque.front.load(Ordering::Relaxed);
        let left = length(front, last);
        if left < 0 {
            deque.back.store(back, Ordering::Relaxed);
            return None;
        }
        let node = deque.buffer(Ordering::Relaxed).slot(last).load(Ordering::Relaxed);
        if left == 0 {
            let mine = fault::is(Fault::DequePopNoCas) || deque.advance_front(front);
            deque.back.store(back, Ordering::Relaxed);
            if !mine {
                return None;
            }
        }
        // SAFETY: a node of this deque, which is alive.
        Some(unsafe { Node::take(node) })
    }

    pub(crate) fn is_empty(&self) -> bool {
        let back = self.deque.back.load(Ordering::Relaxed);
        length(self.deque.front.load(Ordering::Relaxed), back) <= 0
    }
}

/// A thief's end.
pub(crate) struct Stealer<T>(Arc<Deque<T>>);

impl<T> Stealer<T> {
    pub(crate) fn steal(&self) -> Steal<T> {
        let deque = &*self.0;
        // Ordering: Acquire, with the exchange of the thief before: `back` is not older.
        let front = deque.front.load(Ordering::Acquire);
        if !fault::is(Fault::DequeStealNoFence) {
            // As in `pop`.
            fence(Ordering::SeqCst);
        }
        // Ordering: Acquire, with the fence in `push`.
        let back = deque.back.load(Ordering::Acquire);
        if length(front, back) <= 0 {
            return Steal::Empty;
        }
        // Ordering: Acquire, with the store in `grow`.
        let node = deque.buffer(Ordering::Acquire).slot(front).load(Ordering::Relaxed);
        if !deque.advance_front(front) {
            return Steal::Retry;
        }
        // SAFETY: a node of this deque, which is alive.
        Steal::Success(unsafe { Node::take(node) })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn len(&self) -> usize {
        let front = self.0.front.load(Ordering::Acquire);
        length(front, self.0.back.load(Ordering::Acquire)).max(0).cast_unsigned()
    }
}

/// A queue for all.
pub(crate) struct Injector<T> {
    head: AtomicUsize,
    tail: AtomicUsize,
    slots: Box<[AtomicPtr<Node<T>>]>,
}

// SAFETY: values go from thread to thread; everything else is atomic.
unsafe impl<T: Send> Send for Injector<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Injector<T> {}

impl<T> Injector<T> {
    pub(crate) fn new() -> Self {
        Self {
            head: AtomicUsize::new(0),
            tail: AtomicUsize::new(0),
            slots: (0..INJECTOR_BLOCK).map(|_| AtomicPtr::new(ptr::null_mut())).collect(),
        }
    }

    pub(crate) fn push(&self, value: T) {
        let node = Node::new(value);
        // Ordering: AcqRel, with the loads of `tail`; the value itself goes by the slot.
        let index = self.tail.fetch_add(1, Ordering::AcqRel);
        assert!(
            index < INJECTOR_BLOCK,
            "the stand-in's injector takes {INJECTOR_BLOCK} values, no more"
        );
        // Ordering: Release, with the Acquire in `steal`.
        self.slots[index].store(node, Ordering::Release);
    }

    pub(crate) fn steal(&self) -> Steal<T> {
        match self.claim(|_| 1) {
            Steal::Success(mut taken) => Steal::Success(taken.remove(0)),
            Steal::Empty => Steal::Empty,
            Steal::Retry => Steal::Retry,
        }
    }

    pub(crate) fn claim(&self, wanted: impl FnOnce(usize) -> usize) -> Steal<Vec<T>> {
        // Ordering: Acquire, with the exchange of the thief before: `tail` is not older.
        let head = self.head.load(Ordering::Acquire);
        let there = self.tail.load(Ordering::Acquire).saturating_sub(head);
        if there == 0 {
            return Steal::Empty;
        }
        let next = head + wanted(there).clamp(1, there);
        if self.head.compare_exchange(head, next, Ordering::AcqRel, Ordering::Relaxed).is_err() {
            return Steal::Retry;
        }
        Steal::Success(self.slots[head..next].iter().map(Self::read).collect())
    }

    fn read(slot: &AtomicPtr<Node<T>>) -> T {
        loop {
            // Ordering: Acquire, with the Release in `push`.
            let node = slot.load(Ordering::Acquire);
            if node.is_null() {
                spin_loop();
                continue;
            }
            // SAFETY: nodes are freed when the injector drops.
            return unsafe { Node::take(node) };
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn len(&self) -> usize {
        let head = self.head.load(Ordering::Acquire);
        self.tail.load(Ordering::Acquire).saturating_sub(head)
    }
}

impl<T> Drop for Injector<T> {
    fn drop(&mut self) {
        for slot in &self.slots {
            let node = slot.load(Ordering::Relaxed);
            if !node.is_null() {
                // SAFETY: made by `Node::new` and freed here only.
                drop(unsafe { Box::from_raw(node) });
            }
        }
    }
}
