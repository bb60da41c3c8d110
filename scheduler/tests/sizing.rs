//! The sizes that the formulas give, at their edges.
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::sizing::{cpu_bound, io_bound, littles_law, python_default};
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);

#[test]
fn waiting_work_gets_threads_for_its_waiting() {
    assert_eq!(io_bound(4, 90 * MS, 10 * MS), 40);
    assert_eq!(io_bound(1, 10 * MS, 10 * MS), 2);
    assert_eq!(io_bound(4, 3 * MS, 10 * MS), 6, "5.2 is rounded up");
    assert_eq!(io_bound(3, MS, 3 * MS), 4, "3 + 3/3, though 1/3 is no double");
}

#[test]
fn work_that_does_not_wait_gets_the_cores() {
    assert_eq!(io_bound(4, Duration::ZERO, 10 * MS), 4);
    assert_eq!(io_bound(4, Duration::ZERO, Duration::ZERO), 4);
}

#[test]
fn sizes_saturate() {
    assert_eq!(io_bound(4, MS, Duration::ZERO), usize::MAX);
    assert_eq!(io_bound(usize::MAX, MS, MS), usize::MAX);
    assert_eq!(io_bound(usize::MAX, Duration::MAX, Duration::from_nanos(1)), usize::MAX);
    assert_eq!(littles_law(f64::INFINITY, MS), usize::MAX);
    assert_eq!(littles_law(f64::MAX, Duration::MAX), usize::MAX);
}

#[test]
fn no_size_is_zero() {
    assert_eq!(io_bound(0, 9 * MS, MS), 10, "no cores count as one");
    for rate in [0.0, -3.0, f64::NAN, f64::NEG_INFINITY] {
        assert_eq!(littles_law(rate, 200 * MS), 1, "a rate of {rate}");
    }
    assert_eq!(littles_law(100.0, Duration::ZERO), 1);
    assert!(cpu_bound() >= 1);
}

#[test]
fn littles_law_counts_what_is_under_way() {
    assert_eq!(littles_law(100.0, 200 * MS), 20);
    // In doubles, 0.07 * 100 is more than 7.
    assert_eq!(littles_law(100.0, 70 * MS), 7);
    assert_eq!(littles_law(10.0, 101 * MS), 2);
}

#[test]
fn pythons_default_is_what_its_documentation_says() {
    assert_eq!(python_default(), 32.min(cpu_bound() + 4));
}
