//! The memory of a pool's seats, kept for the next one's.
//!
//! The slots of a head are atomics: they have to hold something before the first job, no matter what. Fresh memory
//! of the system is zero, and a page of it is real only once it is used. But once an allocator has had such a piece
//! back, it serves the next call from it, writes all of the zeros, and so makes every page real: more than all
//! else that a new pool allocates costs, and most of it for slots that are never used. So a piece stays here
//! instead, as it was left.

use super::StaticMutex;
use super::keep::KEEP;
use std::alloc::{Layout, handle_alloc_error};
use std::ptr::NonNull;

/// Some memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece {
    pub(crate) memory: NonNull<u8>,
    pub(crate) layout: Layout,
}

// SAFETY: a piece is only where something lies; what that allows is up to whoever has put it there.
unsafe impl Send for Piece {}

/// One piece, the largest so far: most programs have one pool at a time, and a smaller one fits in.
struct Kept {
    piece: StaticMutex<Option<Piece>>,
    /// The largest size that is kept.
    limit: usize,
}

static KEPT: Kept = Kept::new(KEEP);

/// As [`std::alloc::alloc_zeroed`]; but the memory may also be some that was given back by [`dealloc`], which is
/// as it was, and as large or larger.
///
/// # Safety
///
/// 1. The layout is not of size zero.
pub(crate) unsafe fn alloc_zeroed(layout: Layout) -> Piece {
    KEPT.take(layout).unwrap_or_else(|| {
        // SAFETY: (1).
        let memory = unsafe { std::alloc::alloc_zeroed(layout) };
        let Some(memory) = NonNull::new(memory) else { handle_alloc_error(layout) };
        Piece { memory, layout }
    })
}

/// As [`std::alloc::dealloc`].
///
/// # Safety
///
/// 1. The piece comes from [`alloc_zeroed`], and its memory is not used any more.
pub(crate) unsafe fn dealloc(piece: Piece) {
    if let Some(piece) = KEPT.put(piece) {
        // SAFETY: (1), of this call or of the one that left the piece.
        unsafe { std::alloc::dealloc(piece.memory.as_ptr(), piece.layout) };
    }
}

impl Kept {
    const fn new(limit: usize) -> Self {
        Self { piece: StaticMutex::new(None), limit }
    }

    fn take(&self, layout: Layout) -> Option<Piece> {
        let mut kept = self.piece.lock().unwrap();
        kept.take_if(|piece| {
            piece.layout.size() >= layout.size() && piece.layout.align() >= layout.align()
        })
    }

    /// Gives back what is not kept: the smaller of two pieces, or one that is too large.
    fn put(&self, piece: Piece) -> Option<Piece> {
        if piece.layout.size() > self.limit {
            return Some(piece);
        }
        let mut kept = self.piece.lock().unwrap();
        match &*kept {
            Some(larger) if larger.layout.size() > piece.layout.size() => Some(piece),
            _ => kept.replace(piece),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Kept, Piece};
    use std::alloc::Layout;
    use std::ptr::NonNull;

    fn layout(size: usize) -> Layout {
        Layout::from_size_align(size, 8).unwrap()
    }

    /// Nobody looks what is there.
    fn piece(size: usize) -> Piece {
        Piece { memory: NonNull::dangling(), layout: layout(size) }
    }

    fn size(piece: Option<Piece>) -> Option<usize> {
        piece.map(|piece| piece.layout.size())
    }

    #[test]
    fn one_piece_is_kept_for_who_needs_no_more() {
        let kept = Kept::new(256);
        assert_eq!(size(kept.take(layout(64))), None);
        assert_eq!(size(kept.put(piece(64))), None);
        assert_eq!(size(kept.take(layout(65))), None);
        assert_eq!(size(kept.take(layout(64))), Some(64));
        assert_eq!(size(kept.take(layout(64))), None);
        assert_eq!(size(kept.put(piece(64))), None);
        assert_eq!(size(kept.take(layout(1))), Some(64));
    }

    #[test]
    fn of_two_pieces_the_larger_is_kept() {
        let kept = Kept::new(256);
        assert_eq!(size(kept.put(piece(64))), None);
        assert_eq!(size(kept.put(piece(128))), Some(64));
        assert_eq!(size(kept.put(piece(64))), Some(64));
        assert_eq!(size(kept.take(layout(64))), Some(128));
    }

    #[test]
    fn a_large_piece_is_not_kept() {
        let kept = Kept::new(256);
        assert_eq!(size(kept.put(piece(256))), None);
        assert_eq!(size(kept.put(piece(257))), Some(257));
        assert_eq!(size(kept.take(layout(64))), Some(256));
    }
}
