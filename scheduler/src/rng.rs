//! Pseudo-random victim order.

use std::cell::Cell;

/// Marsaglia's xorshift with 32 bits ("Xorshift RNGs", 2003): three shifts, and good enough
/// to keep thieves from walking the victims in step.
#[derive(Debug)]
pub(crate) struct XorShift32(Cell<u32>);

impl XorShift32 {
    /// A stream of its own for each worker; the state must not be zero.
    pub(crate) fn new(index: usize) -> Self {
        Self(Cell::new((index as u32).wrapping_mul(0x9E37_79B9) | 1))
    }

    /// A number below `n`, which must not be zero.
    pub(crate) fn below(&self, n: usize) -> usize {
        let mut x = self.0.get();
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        self.0.set(x);
        x as usize % n
    }
}

#[cfg(test)]
mod tests {
    use super::XorShift32;

    #[test]
    fn reaches_every_victim() {
        let rng = XorShift32::new(3);
        let mut seen = [false; 7];
        (0..200).for_each(|_| seen[rng.below(7)] = true);
        assert_eq!(seen, [true; 7]);
    }
}
