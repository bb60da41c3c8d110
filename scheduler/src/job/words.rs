//! Values that are moved by whole words.
//!
//! Who moves 14 bytes writes eight of them, and eight more that overlap with these. If somebody reads them soon, by
//! pieces of which one has bytes of both, the processor waits until both writes have left its store buffer. A
//! closure that is forked and run at once was moved so three times. By words, each piece that is read
//! was written by one store. And a closure that has just been made is put together in registers: it never is in the
//! caller's frame.

use std::mem::{ManuallyDrop, MaybeUninit};

/// A value of whole words. It is not dropped with them.
#[repr(C, align(8))]
pub(crate) struct Words<T>(ManuallyDrop<T>);

/// Maybe a pointer, and maybe nothing: padding.
type Word = MaybeUninit<*mut ()>;

/// What is larger is moved as it always is: one line is what most cells have.
const MOST: usize = 8;

impl<T> Words<T> {
    const COUNT: usize = size_of::<Self>() / size_of::<Word>();

    /// `value`, moved here.
    #[inline(always)]
    pub(crate) fn new(value: T) -> Self {
        let mut words = MaybeUninit::uninit();
        // SAFETY: (1) it is here.
        unsafe { Self::write(words.as_mut_ptr(), value) };
        // SAFETY: it has just been written.
        unsafe { words.assume_init() }
    }

    pub(crate) fn into_inner(self) -> T {
        // SAFETY: (1) it is here, and not used again.
        unsafe { Self::take(&raw const self) }
    }

    /// Moves `value` to `place`.
    ///
    /// # Safety
    ///
    /// 1. `place` can be written, and is aligned.
    #[inline(always)]
    pub(super) unsafe fn write(place: *mut Self, value: T) {
        let value = Self(ManuallyDrop::new(value));
        // SAFETY: (1) the one is here; (2) the other is the caller's (1).
        unsafe { Self::copy(&raw const value, place) };
    }

    /// Moves the value out of `place`.
    ///
    /// # Safety
    ///
    /// 1. `place` holds a value, which is taken once.
    #[inline(always)]
    pub(super) unsafe fn take(place: *const Self) -> T {
        let mut value = MaybeUninit::uninit();
        // SAFETY: (1) the caller's (1); (2) it is here.
        unsafe { Self::copy(place, value.as_mut_ptr()) };
        // SAFETY: it has just been written.
        let Self(value) = unsafe { value.assume_init() };
        ManuallyDrop::into_inner(value)
    }

    /// # Safety
    ///
    /// 1. `from` can be read,
    /// 2. and `to` written; both are aligned, and do not overlap.
    #[inline(always)]
    unsafe fn copy(from: *const Self, to: *mut Self) {
        if Self::COUNT > MOST {
            // SAFETY: (1) and (2).
            unsafe { to.copy_from_nonoverlapping(from, 1) };
            return;
        }
        let word = |index| {
            if index < Self::COUNT {
                let (from, to) = (from.cast::<Word>(), to.cast::<Word>());
                // SAFETY: (1): inside, and aligned, since the whole is to eight bytes.
                let word = unsafe { from.wrapping_add(index).read() };
                // SAFETY: (2): as above.
                unsafe { to.wrapping_add(index).write(word) };
            }
        };
        // No loop: it would be unrolled only after the compiler has decided what goes into registers.
        word(0);
        word(1);
        word(2);
        word(3);
        word(4);
        word(5);
        word(6);
        word(7);
        const { assert!(MOST == 8) };
    }
}

#[cfg(test)]
mod tests {
    use super::Words;
    use std::mem::MaybeUninit;
    use std::rc::Rc;

    /// There and back.
    fn moved<T>(value: T) -> T {
        let mut place = MaybeUninit::<Words<T>>::uninit();
        // SAFETY: the place is for that.
        unsafe { Words::write(place.as_mut_ptr(), value) };
        // SAFETY: written above.
        unsafe { Words::take(place.as_ptr()) }
    }

    fn is_itself<const N: usize>() {
        let mut byte = 0;
        let bytes = [(); N].map(|()| {
            byte += 1;
            byte
        });
        assert_eq!(moved(bytes), bytes);
        assert_eq!(moved((bytes, 7_u16, Some("text"))), (bytes, 7, Some("text")));
    }

    #[test]
    fn a_value_of_any_size_is_what_it_was() {
        is_itself::<0>();
        is_itself::<1>();
        is_itself::<7>();
        is_itself::<8>();
        is_itself::<9>();
        is_itself::<14>();
        is_itself::<15>();
        is_itself::<63>();
        is_itself::<64>();
        is_itself::<65>();
        is_itself::<200>();
    }

    #[test]
    fn so_is_one_with_padding_or_of_another_alignment() {
        assert_eq!(moved((1_u8, 2_u64, 3_u16, 4_u32)), (1, 2, 3, 4));
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(align(32))]
        struct Aligned(u8);
        assert_eq!(moved(Aligned(1)), Aligned(1));
        assert_eq!(
            moved([Aligned(1), Aligned(2), Aligned(3)]),
            [Aligned(1), Aligned(2), Aligned(3)]
        );
    }

    #[test]
    fn it_is_dropped_once_and_its_pointers_can_be_used() {
        let counted = Rc::new("counted");
        let captured = (Rc::clone(&counted), Rc::clone(&counted), 3_u8);
        let back = moved(captured);
        assert_eq!((Rc::strong_count(&counted), *back.1, back.2), (3, "counted", 3));
        drop(back);
        assert_eq!(Rc::strong_count(&counted), 1);
    }
}
