//! Numbers without a pattern.

/// The same ones on each run: a linear congruential generator, its bits stirred.
pub(crate) fn numbers(n: usize) -> Vec<u64> {
    let mut state = 1_u64;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state ^ (state >> 32)
    };
    std::iter::repeat_with(next).take(n).collect()
}
