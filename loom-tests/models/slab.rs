//! Slabs: whoever gives the last block back frees the slab, after every use of it by anyone.
//!
//! The other models take their cells from the system, so that each is new memory.

use super::rig::{join, spawn};
use crate::job::recycling::{Source, allocate, enlist, prepare, prepare_many, release, retire};
use std::mem::MaybeUninit;
use std::ptr::NonNull;

type Block = [u8; 64];

/// A block on its way to another thread.
struct Sent(NonNull<MaybeUninit<Block>>);

// SAFETY: all threads of a model are one OS thread.
unsafe impl Send for Sent {}

impl Sent {
    fn new() -> Self {
        prepare::<Block>();
        let (place, source) = allocate::<Block>();
        assert_eq!(source, Source::Slab);
        Self(place)
    }

    fn release(self) {
        // SAFETY: allocated in `new`, and not used any more.
        unsafe { release(self.0, Source::Slab) };
    }
}

/// The worker that made the slab ends while another thread gives the one block back.
pub(super) fn slab_retired_against_its_last_block() {
    enlist();
    let block = Sent::new();
    let other = spawn(move || block.release());
    retire();
    join(other);
}

/// The same, where it has made more slabs ready than it needed.
pub(super) fn slabs_made_ready_for_more_than_came() {
    enlist();
    prepare_many::<Block>(1000);
    let block = Sent::new();
    let other = spawn(move || block.release());
    retire();
    join(other);
}

/// Two workers: a block is freed, and used again, by the one that did not make it.
pub(super) fn slab_block_recycled_elsewhere() {
    enlist();
    let blocks = [Sent::new(), Sent::new()];
    let [here, there] = blocks;
    let other = spawn(move || {
        enlist();
        let address = there.0;
        there.release();
        let again = Sent::new();
        assert_eq!(again.0, address, "the newest block in the list");
        again.release();
        retire();
    });
    here.release();
    retire();
    join(other);
}

/// A worker gives two blocks back in one step while the one that made the slab gives back the
/// third, and what it has not carved.
pub(super) fn slab_blocks_returned_together() {
    enlist();
    let [here, there, too] = [Sent::new(), Sent::new(), Sent::new()];
    let other = spawn(move || {
        enlist();
        there.release();
        too.release();
        retire();
    });
    here.release();
    retire();
    join(other);
}
