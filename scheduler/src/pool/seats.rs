//! The seats of a pool: where they lie.

use super::seat::Seat;
use crate::sync::kept::{self, Piece};
use std::alloc::Layout;
use std::ptr::NonNull;

/// The seats of a pool, side by side in one piece of memory.
///
/// Most of a seat is the head's slots, and most pools use few of them. What comes fresh from the system is
/// zero, as is well for a slot, and a page of it is real only once it is used. That is why all seats are asked
/// for at once, so that the allocator goes to the system for them, and why they are aligned here: an
/// allocator that is to align this far would write the zeros. From the second pool on the memory may be that of
/// an earlier one's seats, see `sync/kept.rs`.
#[derive(Debug)]
pub(crate) struct Seats {
    first: NonNull<Seat>,
    len: usize,
    piece: Piece,
}

// SAFETY: it owns its seats, which are `Send`.
unsafe impl Send for Seats {}
// SAFETY: it gives them out by reference only, and they are `Sync`.
unsafe impl Sync for Seats {}

impl Seats {
    /// # Panics
    ///
    /// If there are none.
    pub(crate) fn new(len: usize) -> Self {
        assert!(len != 0, "a pool has workers");
        // With room to align the first; any allocator aligns this far by itself.
        let size =
            size_of::<Seat>().checked_mul(len).and_then(|n| n.checked_add(align_of::<Seat>()));
        let layout = size.and_then(|size| Layout::from_size_align(size, align_of::<u64>()).ok());
        let layout = layout.expect("the workers are too many for the address space");
        // SAFETY: a seat has a size, and there is one.
        let piece = unsafe { kept::alloc_zeroed(layout) };
        let memory = piece.memory;
        // SAFETY: less than the alignment, for which there is room.
        let first = unsafe { memory.add(memory.align_offset(align_of::<Seat>())) }.cast::<Seat>();
        for index in 0..len {
            // SAFETY: there is room for so many.
            let seat = unsafe { first.add(index) };
            // SAFETY: (1) aligned, as the first; (2) zero, or as another pool left it, whose seats lay at the same places,
            // since the piece is the same.
            unsafe { Seat::init(seat.as_ptr()) };
        }
        Self { first, len, piece }
    }

    /// Of the worker of `index`.
    #[inline]
    pub(crate) fn get(&self, index: usize) -> &Seat {
        assert!(index < self.len, "a seat for each worker");
        // SAFETY: there are more.
        let seat = unsafe { self.first.add(index) };
        // SAFETY: made in `new`, and alive until the drop.
        unsafe { seat.as_ref() }
    }
}

impl Drop for Seats {
    fn drop(&mut self) {
        let seats = NonNull::slice_from_raw_parts(self.first, self.len);
        // SAFETY: made in `new`; the last use.
        unsafe { seats.drop_in_place() };
        // SAFETY: (1) from `new`, and the seats are gone.
        unsafe { kept::dealloc(self.piece) };
    }
}

#[cfg(test)]
mod tests {
    use super::{Seat, Seats};
    use crate::job::StackJob;
    use crate::queue::Steal;

    #[test]
    fn seats_lie_side_by_side_aligned_and_empty() {
        for len in [1, 2, 5] {
            let seats = Seats::new(len);
            let places: Vec<usize> =
                (0..len).map(|index| &raw const *seats.get(index) as usize).collect();
            assert!(places.iter().all(|place| place.is_multiple_of(align_of::<Seat>())));
            assert!(places.windows(2).all(|two| two[1] - two[0] == size_of::<Seat>()));
            let memory = seats.piece.memory.addr().get();
            assert!(
                places[0] >= memory
                    && places[len - 1] + size_of::<Seat>() <= memory + seats.piece.layout.size()
            );
            assert!((0..len).all(|index| seats.get(index).head().len_for_thief() == 0));
        }
    }

    #[test]
    fn a_seat_in_the_place_of_another_is_as_new() {
        let jobs: Vec<_> = (0..3).map(|_| StackJob::new(|| ())).collect();
        let seats = Seats::new(1);
        let seat = || seats.get(0);
        for job in &jobs {
            // SAFETY: the jobs outlive the seat, and none runs.
            let job = || unsafe { job.as_job_ref() };
            seat().head().push_at(seat().head().next_index(), job());
            seat().batch().push_at(seat().batch().next_index(), job());
        }
        assert!(seat().head().take_oldest().is_some());
        // SAFETY: (1) its place, where nobody looks meanwhile; (2) it is left there.
        unsafe { Seat::init(seats.first.as_ptr()) };
        assert_eq!((seat().head().len_for_thief(), seat().batch().len_for_thief()), (0, 0));
        assert!(seat().head().pop_newest().is_none() && seat().batch().pop_newest().is_none());
        assert!(matches!(seat().head().force(seat().head().top()), Steal::Empty));
    }

    #[test]
    #[should_panic(expected = "a seat for each worker")]
    fn there_is_no_seat_for_one_more() {
        let _ = Seats::new(2).get(2);
    }
}
