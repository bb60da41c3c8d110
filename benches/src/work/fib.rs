//! Naive Fibonacci: nothing but forks.

use super::{Job, Sample, check};
use crate::Contender;

/// The argument.
#[derive(Debug)]
pub(crate) struct Fib(pub(crate) u32);

/// The `n`th number, without recursion.
pub(crate) fn value(n: u32) -> u64 {
    (0..n).fold((0, 1), |(this, next), _| (next, this + next)).0
}

/// The forks on the way to the `n`th number: the calls with an argument above 1.
pub(crate) fn forks(n: u32) -> u64 {
    value(n + 1) - 1
}

fn serial(n: u32) -> u64 {
    if n < 2 {
        return u64::from(n);
    }
    serial(n - 1) + serial(n - 2)
}

per_join! {
    pub(super) fn fib(cx: Cx<'_, '_>, n: u32) -> u64 {
        if n < 2 {
            return u64::from(n);
        }
        let (a, b) = join(cx, |cx| fib(cx, n - 1), |cx| fib(cx, n - 2));
        a + b
    }
}

impl Job for Fib {
    fn title(&self) -> String {
        format!("naive fib({})", self.0)
    }

    fn forks(&self) -> u64 {
        forks(self.0)
    }

    fn run(&self, contender: &Contender) -> Sample {
        let n = std::hint::black_box(self.0);
        let (sample, result) = Sample::wall(|| on_join!(contender, fib(n)));
        check(self, contender, result, value(n));
        sample
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_forms_agree_with_the_recursion() {
        fn count(n: u32) -> u64 {
            if n < 2 { 0 } else { 1 + count(n - 1) + count(n - 2) }
        }
        for n in 0..20 {
            assert_eq!((serial(n), count(n)), (value(n), forks(n)), "fib({n})");
        }
        assert_eq!(forks(38), 63_245_985);
    }
}
