//! Memory for cells: blocks of a few sizes, recycled per worker.
//!
//! A spawned closure's cell is often freed by another worker than the one that made it, which
//! is what general allocators are slowest at. Here a freed block goes to the freeing worker's own
//! list and serves its next spawn: no allocation in a steady state, no lock, and no
//! read-modify-write.
//!
//! # Protocol
//!
//! Blocks come in slabs. A slab counts its blocks that are *out*: in use, in somebody's list, or
//! not yet carved. The count starts at the number of its blocks and only falls:
//! whoever gives the last one back frees the slab.
//!
//! - A worker takes blocks from its list, else carves them from its own slab, else makes a slab. Who is going to
//!   need many makes some of these slabs *ready* before.
//! - It keeps some freed blocks in its list; the rest, and all of them when its thread
//!   ends, go back to their slabs: those that follow each other and are of one slab in one step.
//! - A thread that is no worker has no list. It carves from a slab of its own once it has asked for
//!   some blocks; what it has not carved when it ends goes back.
//!
//! Invariant: a block is in one place at a time, so its count goes down once.

use crate::sync::fault::{self, Fault};
use crate::sync::{AtomicUsize, alloc, thread_local_const, thread_local_lazy};
use std::alloc::Layout;
use std::cell::Cell;
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};

/// Block sizes: half a cache line, for a forked closure of a word; whole lines up to room for a cell
/// with sixteen captured words; and room for a bundle of jobs.
const BLOCKS: [usize; 5] = [LINE / 2, LINE, 2 * LINE, 3 * LINE, 9 * LINE];
const CLASSES: usize = BLOCKS.len();
const LINE: usize = 64;
/// Slabs are aligned to their size, so a block's address tells its slab.
const SLAB: usize = 16 * 1024;
/// The last bytes are left to the system allocator for its own header, so that it can lay
/// slabs side by side.
const SLAB_BYTES: usize = SLAB - 64;
/// Bytes of freed blocks of each size that a worker keeps, but at most [`KEEP`] blocks. More: longer
/// bursts without the allocator; fewer: less memory kept by slabs of which one block is in some
/// list.
const KEEP_BYTES: usize = 192 * 1024;
const KEEP: usize = 1024;

const fn keep(block: usize) -> usize {
    if KEEP_BYTES / block < KEEP { KEEP_BYTES / block } else { KEEP }
}

/// A thread that is no worker gets its first blocks from the system: a slab for the one task of a
/// short thread would cost more than it saves.
const OUTSIDE_AFTER: usize = 32;

/// So many slabs of each size a thread makes ready, at most. More: of large batches more closures find theirs; fewer:
/// less memory kept by a thread whose batch was refused.
const READY: usize = 8;

/// The first block of a slab.
#[repr(C, align(64))]
struct Slab {
    out: AtomicUsize,
}

/// A block in a list.
struct Free {
    next: *mut Free,
}

/// A slab that is ready, in a list: in its first block after the header, of which it is told.
struct Ready {
    next: *mut Ready,
}

/// What a thread has of one size.
struct Cache {
    block: usize,
    free: Cell<*mut Free>,
    /// How many more the list has room for.
    room: Cell<usize>,
    /// How many it has at most: 0 on threads that are no workers.
    keep: Cell<usize>,
    /// The uncarved rest of the thread's own slab.
    carve: Cell<*mut u8>,
    uncarved: Cell<usize>,
    /// Freed blocks of one slab for which the list had no room, and one of them.
    returning: Cell<*mut u8>,
    returns: Cell<usize>,
    /// How often a thread that is no worker has asked for a slab.
    asked: Cell<usize>,
    /// Slabs that are ready, and how many.
    ready: Cell<*mut Ready>,
    all_ready: Cell<usize>,
}

thread_local_const! {
    static CACHES: [Cache; CLASSES] = {
        let [a, b, c, d, e] = BLOCKS;
        [Cache::new(a), Cache::new(b), Cache::new(c), Cache::new(d), Cache::new(e)]
    }
}

/// The class that serves a type, or `CLASSES`.
const fn class<T>() -> usize {
    let mut class = 0;
    while class < CLASSES {
        let block = BLOCKS[class];
        // The first block of a slab comes after one line.
        let align = if block < LINE { block } else { LINE };
        if size_of::<T>() <= block && align_of::<T>() <= align {
            return class;
        }
        class += 1;
    }
    CLASSES
}

/// How many blocks a slab has, after its header.
const fn blocks(block: usize) -> usize {
    (SLAB_BYTES - size_of::<Slab>()) / block
}

/// Where a place came from, and goes back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Slab,
    System,
}

impl Source {
    pub(crate) fn new(is_slab: bool) -> Self {
        if is_slab { Self::Slab } else { Self::System }
    }

    pub(crate) fn is_slab(self) -> bool {
        self == Self::Slab
    }
}

const LAYOUT: Layout = match Layout::from_size_align(SLAB_BYTES, SLAB) {
    Ok(layout) => layout,
    Err(_) => panic!("SLAB is a power of two"),
};

/// The calling thread is a worker from now on, and recycles.
pub(crate) fn enlist() {
    CACHES.with(|caches| caches.iter().for_each(Cache::enlist));
}

/// The calling thread is a worker no more, or ends: gives everything back.
pub(crate) fn retire() {
    CACHES.with(|caches| caches.iter().for_each(Cache::retire));
}

/// Gives back what a thread that is no worker has, when it ends.
struct Leave;

impl Drop for Leave {
    fn drop(&mut self) {
        retire();
    }
}

thread_local_lazy! {
    static LEAVE: Leave = Leave
}

/// A place for a `T`, if it takes no call to get one.
#[inline(always)]
pub(crate) fn at_hand<T>() -> Option<(NonNull<MaybeUninit<T>>, Source)> {
    let class = const { class::<T>() };
    if class == CLASSES {
        return None;
    }
    let block = CACHES.with(|caches| caches[class].at_hand())?;
    Some((block.cast(), Source::Slab))
}

/// A place for a `T`: a recycled block if it fits and the thread is a worker.
#[inline]
pub(crate) fn allocate<T>() -> (NonNull<MaybeUninit<T>>, Source) {
    let class = const { class::<T>() };
    if class < CLASSES
        && let Some(block) = CACHES.with(|caches| caches[class].take())
    {
        return (block.cast(), Source::Slab);
    }
    let place = Box::leak(Box::<T>::new_uninit());
    (NonNull::from(place), Source::System)
}

/// Sees to it that the next place of a `T` is in memory that is there already, if the thread has some of its own.
/// For who is about to take a lock, and will allocate under it: a new slab, and the first write to each of its
/// pages, take the time of many tasks.
#[inline]
pub(crate) fn prepare<T>() {
    let class = const { class::<T>() };
    if class < CLASSES {
        CACHES.with(|caches| caches[class].prepare());
    }
}

/// [`prepare`] for the next `n` places, as far as [`READY`] slabs go.
pub(crate) fn prepare_many<T>(n: usize) {
    let class = const { class::<T>() };
    if class < CLASSES {
        CACHES.with(|caches| caches[class].prepare_many(n));
    }
}

/// Gives a place back, whose `T` is gone.
///
/// # Safety
///
/// 1. It came from `allocate::<T>` or `at_hand::<T>` with this source, and is not used any more.
#[inline]
pub(crate) unsafe fn release<T>(place: NonNull<MaybeUninit<T>>, source: Source) {
    match source {
        // SAFETY: (1): it was leaked from a box of this type.
        Source::System => drop(unsafe { Box::from_raw(place.as_ptr()) }),
        Source::Slab => {
            let block = place.cast();
            CACHES.with(|caches| {
                // SAFETY: (1).
                unsafe { caches[const { class::<T>() }].push(block) }
            });
        }
    }
}

impl Cache {
    const fn new(block: usize) -> Self {
        Self {
            block,
            free: Cell::new(ptr::null_mut()),
            room: Cell::new(0),
            keep: Cell::new(0),
            carve: Cell::new(ptr::null_mut()),
            uncarved: Cell::new(0),
            returning: Cell::new(ptr::null_mut()),
            returns: Cell::new(0),
            asked: Cell::new(0),
            ready: Cell::new(ptr::null_mut()),
            all_ready: Cell::new(0),
        }
    }

    /// The list is empty.
    fn enlist(&self) {
        debug_assert!(self.free.get().is_null(), "a list without a worker");
        self.keep.set(keep(self.block));
        self.room.set(keep(self.block));
    }

    fn retire(&self) {
        while let Some(block) = self.pop() {
            // SAFETY: the list gave the block to this call.
            unsafe { self.give_back_together(block) };
        }
        self.give_back();
        self.keep.set(0);
        self.room.set(0);
        let uncarved = self.uncarved.take();
        if uncarved != 0 && !fault::is(Fault::SlabForgetsUncarved) {
            // SAFETY: the uncarved blocks are this thread's.
            unsafe { give_back_n(self.carve.get(), uncarved) };
        }
        while !fault::is(Fault::SlabForgetsReady)
            && let Some(first) = self.take_ready()
        {
            // SAFETY: the list gave the slab to this call; none of its blocks has been carved.
            unsafe { give_back_n(first, blocks(self.block)) };
        }
    }

    #[inline]
    fn take(&self) -> Option<NonNull<u8>> {
        if let Some(block) = self.pop() {
            return Some(block);
        }
        if self.uncarved.get() == 0 && !self.refill() {
            return None;
        }
        self.carve_one()
    }

    /// As [`take`](Self::take), but without a new slab.
    #[inline(always)]
    fn at_hand(&self) -> Option<NonNull<u8>> {
        if let Some(block) = self.pop() {
            return Some(block);
        }
        if self.uncarved.get() == 0 { None } else { self.carve_one() }
    }

    /// There is one.
    #[inline(always)]
    fn carve_one(&self) -> Option<NonNull<u8>> {
        let block = self.carve.get();
        self.uncarved.set(self.uncarved.get() - 1);
        self.carve.set(block.wrapping_add(self.block));
        NonNull::new(block)
    }

    /// What is in the list has been written to. Of the uncarved blocks the next may end in a new page; the one in which it
    /// begins then is that of the block before, or of the slab's header.
    #[inline]
    fn prepare(&self) {
        const TOUCHED: usize = size_of::<u64>();
        if self.free.get().is_null() && (self.uncarved.get() != 0 || self.refill_early()) {
            let last = self.carve.get().wrapping_add(self.block - TOUCHED).cast::<u64>();
            // Volatile: nobody reads it. Eight bytes: see `sync/volatile.rs`.
            // SAFETY: the uncarved blocks are this thread's, and each is so many times eight bytes.
            unsafe { last.write_volatile(0) };
        }
    }

    /// The same for the next `n`, with slabs for them.
    fn prepare_many(&self, n: usize) {
        if n > OUTSIDE_AFTER {
            // It asks for as many as would make it one that has its own.
            self.asked.set(self.asked.get().max(OUTSIDE_AFTER));
        }
        let carved = n.saturating_sub(self.keep.get() - self.room.get());
        if carved == 0 || self.uncarved.get() == 0 && !self.refill_early() {
            return;
        }
        // SAFETY: the uncarved blocks are this thread's.
        unsafe { touch(self.carve.get(), carved.min(self.uncarved.get()) * self.block) };
        let all = blocks(self.block);
        let mut there = self.uncarved.get() + self.all_ready.get() * all;
        while there < carved && self.all_ready.get() < READY {
            let first = self.make_slab();
            // SAFETY: nobody knows the slab yet.
            unsafe { touch(first, all * self.block) };
            let ready = first.cast::<Ready>();
            // SAFETY: as above; a block is large enough and aligned for this.
            unsafe { ready.write(Ready { next: self.ready.get() }) };
            self.ready.set(ready);
            self.all_ready.set(self.all_ready.get() + 1);
            there += all;
        }
    }

    /// The first block of a slab that is ready.
    fn take_ready(&self) -> Option<*mut u8> {
        let ready = NonNull::new(self.ready.get())?;
        self.all_ready.set(self.all_ready.get() - 1);
        // SAFETY: a slab in the list is this thread's, and its first block begins with its `Ready`.
        self.ready.set(unsafe { ready.as_ref() }.next);
        Some(ready.as_ptr().cast())
    }

    /// As [`refill`](Self::refill), which only who takes a block asks of a thread that has hardly begun: it is
    /// counted there.
    #[cold]
    fn refill_early(&self) -> bool {
        (self.keep.get() != 0 || self.asked.get() >= OUTSIDE_AFTER) && self.refill()
    }

    #[inline]
    fn pop(&self) -> Option<NonNull<u8>> {
        let block = NonNull::new(self.free.get())?;
        // SAFETY: a block in the list is this thread's, and begins with its `Free`.
        self.free.set(unsafe { block.as_ref() }.next);
        self.room.set(self.room.get() + 1);
        Some(block.cast())
    }

    /// # Safety
    ///
    /// 1. The block is the caller's, who loses it.
    #[inline]
    unsafe fn push(&self, block: NonNull<u8>) {
        // Stored before it is asked: so the processor does both at once.
        let (room, is_full) = self.room.get().overflowing_sub(1);
        self.room.set(room);
        if is_full {
            self.room.set(0);
            // SAFETY: (1).
            return unsafe { self.give_back_together(block) };
        }
        let free = block.cast::<Free>();
        // SAFETY: (1): a block is large enough and aligned for this.
        unsafe { free.write(Free { next: self.free.get() }) };
        self.free.set(free.as_ptr());
    }

    /// A block goes back to its slab, with others of the same slab, when one of another comes.
    ///
    /// # Safety
    ///
    /// 1. The block is the caller's, who loses it.
    #[inline]
    unsafe fn give_back_together(&self, block: NonNull<u8>) {
        if slab_of(self.returning.get()) == slab_of(block.as_ptr()) {
            self.returns.set(self.returns.get() + 1);
        } else {
            // SAFETY: (1).
            unsafe { self.give_back_first(block) };
        }
    }

    /// The first block of another slab. From a thread that is no worker, and may not come here again, it goes
    /// back at once.
    ///
    /// # Safety
    ///
    /// 1. The block is the caller's, who loses it.
    #[cold]
    #[inline(never)]
    unsafe fn give_back_first(&self, block: NonNull<u8>) {
        self.give_back();
        self.returning.set(block.as_ptr());
        self.returns.set(1);
        if self.keep.get() == 0 {
            self.give_back();
        }
    }

    /// What is on its way back arrives.
    fn give_back(&self) {
        let returns = self.returns.take();
        if returns != 0 && !fault::is(Fault::SlabForgetsReturns) {
            // SAFETY: so many blocks of one slab have been given to this thread.
            unsafe { give_back_n(self.returning.get(), returns) };
        }
        self.returning.set(ptr::null_mut());
    }

    /// Another slab to carve from. False if the thread is no worker, and ends or has hardly begun.
    #[cold]
    fn refill(&self) -> bool {
        if self.keep.get() == 0 {
            self.asked.set(self.asked.get() + 1);
            if self.asked.get() <= OUTSIDE_AFTER || LEAVE.try_with(|_| ()).is_err() {
                return false;
            }
        }
        self.carve.set(self.take_ready().unwrap_or_else(|| self.make_slab()));
        self.uncarved.set(blocks(self.block));
        true
    }

    /// A new slab: the first of its blocks, which are all out.
    fn make_slab(&self) -> *mut u8 {
        // SAFETY: the layout is not of size zero.
        let memory = unsafe { alloc::alloc(LAYOUT) };
        let Some(slab) = NonNull::new(memory.cast::<Slab>()) else {
            std::alloc::handle_alloc_error(LAYOUT)
        };
        // SAFETY: the memory is new, large enough and aligned.
        unsafe { slab.write(Slab { out: AtomicUsize::new(blocks(self.block)) }) };
        memory.wrapping_add(size_of::<Slab>())
    }
}

/// Writes something to each page of so many bytes.
///
/// # Safety
///
/// 1. They are the caller's, in one piece, and nobody reads what is in them.
/// 2. They begin at a multiple of eight bytes, and are such a multiple, but not zero.
unsafe fn touch(first: *mut u8, bytes: usize) {
    // No page is smaller.
    const PAGE: usize = 4096;
    let last = bytes - size_of::<u64>();
    for at in (0..last).step_by(PAGE).chain([last]) {
        // Volatile, and eight bytes: as in `prepare`.
        // SAFETY: (1), (2).
        unsafe { first.wrapping_add(at).cast::<u64>().write_volatile(0) };
    }
}

/// The slab of a block.
fn slab_of(block: *mut u8) -> *mut Slab {
    block.map_addr(|addr| addr & !(SLAB - 1)).cast()
}

/// `n` blocks of one slab back to it; `block` is the first.
///
/// # Safety
///
/// 1. The blocks are the caller's, who loses them.
#[cold]
unsafe fn give_back_n(block: *mut u8, n: usize) {
    let slab = slab_of(block);
    // SAFETY: (1): blocks of it are out, so the slab is alive.
    let out = unsafe { &(*slab).out };
    // Ordering: Release, so that the use of each block comes before the free; Acquire, so that
    // the free comes after all of them.
    let order = fault::half(Fault::SlabNoAcquire, Fault::SlabNoRelease);
    if out.fetch_sub(n, order) == n {
        // SAFETY: no block is out any more, so nobody else comes here.
        unsafe { ptr::drop_in_place(slab) };
        // SAFETY: allocated with this layout.
        unsafe { alloc::dealloc(slab.cast(), LAYOUT) };
    }
}

#[cfg(test)]
mod tests {
    use super::{
        BLOCKS, CACHES, CLASSES, KEEP, LINE, OUTSIDE_AFTER, READY, Slab, Source, allocate, blocks,
        class, enlist, prepare, prepare_many, release, retire, slab_of,
    };

    const BLOCK: usize = 2 * LINE;
    use std::collections::HashSet;

    #[test]
    fn a_worker_recycles_and_others_carve_after_a_while() {
        for _ in 0..OUTSIDE_AFTER {
            assert_eq!(allocate_one::<[u64; 4]>(), Source::System);
        }
        assert_eq!(allocate_one::<[u64; 4]>(), Source::Slab);
        enlist();
        assert_eq!(allocate_one::<[u64; 4]>(), Source::Slab);
        assert_eq!(allocate_one::<[u8; BLOCK]>(), Source::Slab);
        assert_eq!(allocate_one::<u8>(), Source::Slab);
        for _ in 0..3 {
            assert_eq!(allocate_one::<Aligned<64>>(), Source::Slab);
            assert_eq!(allocate_one::<Aligned<32>>(), Source::Slab);
            assert_eq!(allocate_one::<Aligned<160>>(), Source::Slab);
        }
        assert_eq!(allocate_one::<[u8; BLOCKS[CLASSES - 1] + 1]>(), Source::System);
        retire();
        assert_eq!(allocate_one::<[u64; 5]>(), Source::System);
    }

    /// To prepare takes nothing, counts nothing, and does not change which block is next.
    #[test]
    fn who_prepares_has_still_to_allocate() {
        type Block = [u8; BLOCK];
        for _ in 0..OUTSIDE_AFTER {
            (0..3).for_each(|_| prepare::<Block>());
            assert_eq!(allocate_one::<Block>(), Source::System);
        }
        let n = 2 * blocks(BLOCK) + 1;
        let places: Vec<_> = (0..n)
            .map(|_| {
                (0..3).for_each(|_| prepare::<Block>());
                allocate::<Block>()
            })
            .collect();
        assert!(places.iter().all(|(_, source)| *source == Source::Slab));
        let slabs: HashSet<_> =
            places.iter().map(|(place, _)| slab_of(place.as_ptr().cast())).collect();
        assert_eq!(slabs.len(), 3, "each is carved to its end");
        for (place, source) in places {
            // SAFETY: just allocated, and not used.
            unsafe { release(place, source) };
        }
        prepare::<[u8; BLOCKS[CLASSES - 1] + 1]>();
        retire();
    }

    /// How many blocks a thread has without a new slab, and how many slabs of them are ready.
    fn there<T>() -> (usize, usize) {
        CACHES.with(|caches| {
            let cache = &caches[class::<T>()];
            let listed = cache.keep.get() - cache.room.get();
            let ready = cache.all_ready.get();
            (listed + cache.uncarved.get() + ready * blocks(cache.block), ready)
        })
    }

    #[test]
    fn a_thread_outside_that_prepares_many_has_its_own_from_then_on() {
        prepare_many::<[u64; 4]>(OUTSIDE_AFTER);
        assert_eq!(allocate_one::<[u64; 4]>(), Source::System);
        prepare_many::<[u64; 4]>(OUTSIDE_AFTER + 1);
        assert_eq!(allocate_one::<[u64; 4]>(), Source::Slab);
    }

    #[test]
    fn who_prepares_many_finds_them() {
        type Block = [u8; BLOCK];
        let all = blocks(BLOCK);
        prepare_many::<Block>(9);
        assert_eq!(there::<Block>(), (0, 0), "a thread that has hardly begun has none of its own");
        enlist();
        for n in [0, 1, 2, all, all + 1, 3 * all, 3 * all, 5] {
            let before = there::<Block>();
            prepare_many::<Block>(n);
            let slabs = n.div_ceil(all).max(before.0 / all);
            assert_eq!(there::<Block>(), (slabs * all, slabs.saturating_sub(1)), "for {n}");
        }
        let places: Vec<_> = (0..3 * all).map(|_| allocate::<Block>()).collect();
        assert_eq!(there::<Block>(), (0, 0), "what was ready is taken first");
        let addresses: HashSet<_> = places.iter().map(|(place, _)| place.addr()).collect();
        assert_eq!(addresses.len(), places.len());
        for (place, source) in places {
            // SAFETY: just allocated, and not used.
            unsafe { release(place, source) };
        }
        prepare_many::<Block>(3 * all);
        assert_eq!(there::<Block>(), (3 * all, 0), "what is in the list counts");
        prepare_many::<Block>(usize::MAX);
        assert_eq!(there::<Block>().1, READY, "there is an end");
        prepare_many::<[u8; BLOCKS[CLASSES - 1] + 1]>(9);
        retire();
        assert_eq!(there::<Block>().1, 0);
    }

    /// The last words of the blocks up to any lie in all pages that these take, but for the header's.
    #[test]
    fn the_last_words_touch_all_pages() {
        const PAGE: usize = 4096;
        for block in BLOCKS {
            assert!(block.is_multiple_of(size_of::<u64>()), "a last word is aligned");
            let mut touched = HashSet::from([0]);
            for index in 0..blocks(block) {
                let begin = size_of::<Slab>() + index * block;
                let end = begin + block - size_of::<u64>();
                touched.insert(end / PAGE);
                assert!((begin / PAGE..=end / PAGE).all(|page| touched.contains(&page)));
            }
        }
    }

    #[repr(align(32))]
    struct Aligned<const N: usize>([u8; N]);

    fn allocate_one<T>() -> Source {
        let (place, source) = allocate::<T>();
        assert!(place.is_aligned());
        // SAFETY: just allocated, and not used.
        unsafe { release(place, source) };
        source
    }

    /// What a thread that is no worker has carved comes back after it has ended.
    #[test]
    fn a_slab_outlives_its_thread_until_its_blocks_are_back() {
        let ask = || {
            let blocks: Vec<_> = (0..OUTSIDE_AFTER + 3).map(|_| allocate::<[u64; 4]>()).collect();
            blocks.into_iter().map(|(place, source)| (place.expose_provenance(), source)).collect()
        };
        let blocks: Vec<_> = std::thread::scope(|s| s.spawn(ask).join().unwrap());
        let carved = blocks.iter().filter(|(_, source)| *source == Source::Slab).count();
        assert_eq!(carved, 3);
        for (address, source) in blocks {
            let place = std::ptr::with_exposed_provenance_mut(address.get());
            let place = std::ptr::NonNull::new(place).unwrap();
            // SAFETY: allocated above, and given back once.
            unsafe { release::<[u64; 4]>(place, source) };
        }
    }

    #[test]
    fn blocks_do_not_overlap_and_come_back_on_another_thread() {
        enlist();
        let n = 3 * blocks(BLOCK) + 2 * KEEP;
        let places: Vec<_> = (0..n).map(|_| allocate::<[u8; BLOCK]>().0).collect();
        let addresses: HashSet<_> = places.iter().map(|place| place.addr().get()).collect();
        assert_eq!(addresses.len(), n);
        assert!(addresses.iter().all(|address| address % LINE == 0));
        for place in &places {
            // SAFETY: the place is ours, so it can be written without hurting another.
            unsafe { place.as_ptr().write_bytes(0xAA, 1) };
        }
        let addresses: Vec<usize> = places.iter().map(|p| p.expose_provenance().get()).collect();
        let (here, there) = addresses.split_at(n / 2);
        let free = |addresses: &[usize]| {
            for &address in addresses {
                let place = std::ptr::with_exposed_provenance_mut(address);
                let place = std::ptr::NonNull::new(place).unwrap();
                // SAFETY: allocated above, and given back once.
                unsafe { release::<[u8; BLOCK]>(place, Source::Slab) };
            }
        };
        std::thread::scope(|s| {
            s.spawn(|| free(there));
        });
        free(here);
        retire();
    }
}
