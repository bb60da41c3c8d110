//! Random numbers sorted, by quicksort and by mergesort on two-way joins.
//!
//! Both leave short pieces to the standard library's `sort_unstable`, which also has a row of its
//! own, as has rayon's parallel one.

use super::{Job, Sample, check, random};
use crate::{Ability, Contender};

/// Pieces of at most so many elements are not split any more: some 100 µs of work.
const LEAF: usize = 8_192;

/// What to sort, and by what.
#[derive(Debug)]
pub(crate) struct Sort {
    method: Method,
    input: Vec<u64>,
    sorted: Vec<u64>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Method {
    Quick,
    Merge,
}

impl Sort {
    pub(crate) fn new(method: Method, len: usize) -> Sort {
        let mut seed = 1;
        let input: Vec<_> = (0..len).map(|_| random(&mut seed)).collect();
        let mut sorted = input.clone();
        sorted.sort_unstable();
        Sort { method, input, sorted }
    }
}

/// Moves what is less than a pivot to the front, and the pivot behind it; gives the pivot's place.
// Not inlined, as all that is the same for every contender.
#[inline(never)]
fn partition(data: &mut [u64]) -> usize {
    let pivot = median_of_three(data);
    let last = data.len() - 1;
    data.swap(pivot, last);
    let (pivot, rest) = data.split_last_mut().expect("longer than a leaf");
    let mut less = 0;
    // Without a branch on the comparison, which nobody could predict.
    for index in 0..rest.len() {
        let is_less = rest[index] < *pivot;
        rest.swap(index, less);
        less += usize::from(is_less);
    }
    data.swap(less, last);
    less
}

fn median_of_three(data: &[u64]) -> usize {
    let mut places = [0, data.len() / 2, data.len() - 1];
    places.sort_unstable_by_key(|&place| data[place]);
    places[1]
}

mod quick {
    use super::{LEAF, partition};
    use crate::Contender;

    fn serial(data: &mut [u64]) {
        if data.len() <= LEAF {
            return data.sort_unstable();
        }
        let pivot = partition(data);
        let (left, right) = data.split_at_mut(pivot);
        serial(left);
        serial(&mut right[1..]);
    }

    per_join! {
        use super::{LEAF, partition};

        pub(super) fn sort(cx: Cx<'_, '_>, data: &mut [u64]) {
            if data.len() <= LEAF {
                return data.sort_unstable();
            }
            let pivot = partition(data);
            let (left, right) = data.split_at_mut(pivot);
            join(cx, |cx| sort(cx, left), |cx| sort(cx, &mut right[1..]));
        }
    }

    pub(super) fn run(contender: &Contender, data: &mut [u64]) {
        on_join!(contender, sort(data))
    }
}

/// Cuts two sorted pieces so that nothing in front of the cuts is greater than anything behind;
/// the longer one in its middle.
fn cut(left: &[u64], right: &[u64]) -> (usize, usize) {
    if left.len() >= right.len() {
        let middle = left.len() / 2;
        (middle, right.partition_point(|&value| value < left[middle]))
    } else {
        let middle = right.len() / 2;
        (left.partition_point(|&value| value <= right[middle]), middle)
    }
}

#[inline(never)]
fn merge_leaf(left: &[u64], right: &[u64], out: &mut [u64]) {
    let (mut l, mut r) = (0, 0);
    while l < left.len() && r < right.len() {
        // Without a branch, as above.
        let (a, b) = (left[l], right[r]);
        out[l + r] = a.min(b);
        l += usize::from(a <= b);
        r += usize::from(a > b);
    }
    let rest = &mut out[l + r..];
    let (left, right) = (&left[l..], &right[r..]);
    rest.copy_from_slice(if right.is_empty() { left } else { right });
}

mod merge {
    use super::{LEAF, cut, merge_leaf};
    use crate::Contender;

    /// Sorts `data`, and leaves the result in `buffer` if `swap`, else where it was.
    fn serial(data: &mut [u64], buffer: &mut [u64], swap: bool) {
        if data.len() <= LEAF {
            data.sort_unstable();
            if swap {
                buffer.copy_from_slice(data);
            }
            return;
        }
        let middle = data.len() / 2;
        let (left, right) = data.split_at_mut(middle);
        let (left_buffer, right_buffer) = buffer.split_at_mut(middle);
        serial(left, left_buffer, !swap);
        serial(right, right_buffer, !swap);
        if swap {
            merge_leaf(left, right, buffer);
        } else {
            merge_leaf(left_buffer, right_buffer, data);
        }
    }

    per_join! {
        use super::{LEAF, cut, merge_leaf};

        pub(super) fn sort(cx: Cx<'_, '_>, data: &mut [u64], buffer: &mut [u64], swap: bool) {
            if data.len() <= LEAF {
                data.sort_unstable();
                if swap {
                    buffer.copy_from_slice(data);
                }
                return;
            }
            let middle = data.len() / 2;
            let (left, right) = data.split_at_mut(middle);
            let (left_buffer, right_buffer) = buffer.split_at_mut(middle);
            join(
                cx,
                |cx| sort(cx, left, left_buffer, !swap),
                |cx| sort(cx, right, right_buffer, !swap),
            );
            if swap {
                merge(cx, left, right, buffer);
            } else {
                merge(cx, left_buffer, right_buffer, data);
            }
        }

        fn merge(cx: Cx<'_, '_>, left: &[u64], right: &[u64], out: &mut [u64]) {
            if out.len() <= LEAF {
                return merge_leaf(left, right, out);
            }
            let (l, r) = cut(left, right);
            let (low, high) = out.split_at_mut(l + r);
            join(
                cx,
                |cx| merge(cx, &left[..l], &right[..r], low),
                |cx| merge(cx, &left[l..], &right[r..], high),
            );
        }
    }

    pub(super) fn run(contender: &Contender, data: &mut [u64], buffer: &mut [u64]) {
        on_join!(contender, sort(data, buffer, false))
    }
}

impl Job for Sort {
    fn title(&self) -> String {
        let method = match self.method {
            Method::Quick => "quicksort",
            Method::Merge => "mergesort",
        };
        format!("{method} of {} u64", self.input.len())
    }

    fn run(&self, contender: &Contender) -> Sample {
        let mut data = self.input.clone();
        let (sample, ()) = match self.method {
            _ if contender.can(Ability::Sort) => Sample::wall(|| contender.sort(&mut data)),
            Method::Quick => Sample::wall(|| quick::run(contender, &mut data)),
            Method::Merge => {
                // Written once, so that nobody waits for the system to hand out its pages.
                let mut buffer = data.clone();
                Sample::wall(|| merge::run(contender, &mut data, &mut buffer))
            }
        };
        // Not as slices: a failure would print millions of numbers.
        check(self, contender, data == self.sorted, true);
        sample
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cut_keeps_the_order() {
        for (left, right) in
            [(&[1, 3, 3, 5][..], &[2, 3, 9][..]), (&[7], &[1, 2, 3]), (&[], &[4, 4])]
        {
            let (l, r) = cut(left, right);
            let low = left[..l].iter().chain(&right[..r]).max();
            let high = left[l..].iter().chain(&right[r..]).min();
            assert!(low <= high, "{left:?} at {l}, {right:?} at {r}");
        }
    }

    #[test]
    fn partition_separates_equal_elements_too() {
        for data in [&mut [4_u64, 4, 4, 4][..], &mut [9, 1, 5, 5, 2], &mut [2, 1]] {
            let place = partition(data);
            let (less, rest) = data.split_at(place);
            assert!(less.iter().all(|value| *value < rest[0]), "{data:?} at {place}");
            assert!(rest.iter().all(|value| *value >= rest[0]), "{data:?} at {place}");
        }
    }
}
