//! Every work but the longest on every contender, all in one run: `cargo bench -p benches`.
//!
//! `cargo bench -p benches -- --test` runs each once, small and unmeasured, and checks its result.

use std::{cell::LazyCell, time::Duration};

use benches::{CATALOG, Contender, Sizes, Unit};
use criterion::{BenchmarkId, Criterion, SamplingMode};

fn main() {
    // SAFETY: 1. nothing ran before this, so there is no other thread.
    unsafe { benches::big_stacks_by_default() };
    benches::on_big_stack(|| {
        let mut criterion = Criterion::default().configure_from_args();
        let only_tests = std::env::args().any(|arg| arg == "--test");
        // The slowest contender still fits a run into a third of a second.
        let measured = || Sizes { fib: 34, ..Sizes::default() };
        let sizes = if only_tests { Sizes::toy() } else { measured() };
        let contenders = Contender::line_up(&[1, 2]);
        // Criterion counts a run's time, and not that of the events within it, between which the run may pause.
        let entries = CATALOG.iter().filter(|entry| entry.in_quick && entry.unit != Unit::Event);
        for entry in entries {
            // Built by the first benchmark that the command line's filter lets through.
            let work = LazyCell::new(|| entry.build(&sizes));
            let mut group = criterion.benchmark_group(entry.name);
            group.sample_size(10).sampling_mode(SamplingMode::Flat);
            group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
            for contender in contenders.iter().filter(|contender| entry.suits(contender)) {
                let id = BenchmarkId::new(contender.name, contender.workers);
                let run = || work.run(contender).total();
                group.bench_function(id, |bencher| {
                    bencher.iter_custom(|times| (0..times).map(|_| run()).sum());
                });
            }
            group.finish();
        }
        criterion.final_summary();
    });
}
