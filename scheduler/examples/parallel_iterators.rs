//! Sorts random points into clusters (k-means, by Lloyd's rounds) with the parallel iterators of
//! `orx-parallel` on a pool, and once more with the iterators of `std`. Exit code 1 if they differ.
//!
//! ```text
//! cargo run --release --features orx --example parallel_iterators -- [--threads W] [--quick | N]
//! ```
//!
//! Coordinates are integers, so that a sum does not depend on its order and the two can be compared.

mod args;
mod random;

use orx_parallel::{IterIntoParIter, Par, Parallelizable, Runner};
use scheduler::ThreadPool;
use std::process::ExitCode;
use std::time::Instant;

const CLUSTERS: usize = 16;
const ROUNDS: usize = 10;

type Point = [i64; 2];
type Centres = [Point; CLUSTERS];

fn main() -> ExitCode {
    let (n, pool) = args::parse(&args::Spec {
        name: "parallel_iterators",
        about: "Sorts N random points into 16 clusters, with parallel iterators.",
        range: CLUSTERS..=1 << 26,
        default: 1_000_000,
        quick: 50_000,
    });
    let points = random_points(n);

    let begin = Instant::now();
    let (centres, labels) = clusters(&points, &pool);
    let parallel = begin.elapsed().as_secs_f64();
    let begin = Instant::now();
    let expected = sequential_clusters(&points);
    let sequential = begin.elapsed().as_secs_f64();

    let mut sizes = [0; CLUSTERS];
    labels.iter().for_each(|&label| sizes[label] += 1);
    for (centre, size) in centres.iter().zip(sizes) {
        println!("{size:>10} points around {centre:?}");
    }
    println!("parallel    {parallel:>9.3} s, workers: {}", pool.current_num_threads());
    println!("sequential  {sequential:>9.3} s, {:.2} times as long", sequential / parallel);
    let equal = (centres, labels) == expected;
    println!("equal       {:>9}", if equal { "yes" } else { "NO" });
    ExitCode::from(u8::from(!equal))
}

/// The centres, and the cluster of each point.
fn clusters(points: &[Point], pool: &ThreadPool) -> (Centres, Vec<usize>) {
    let runner = || Runner::adaptive_with_pool(pool);
    let mut centres = first_centres(points);
    for _ in 0..ROUNDS {
        // One sum for each thousand points: a sum is as large as some fifty numbers.
        let sums = points.chunks(1000).iter_into_par().runner(runner());
        let sums = sums.map(|chunk| Sums::of(chunk, &centres)).reduce(Sums::add);
        centres = sums.unwrap_or_default().centres(&centres);
    }
    let labels = points.par().runner(runner()).map(|point| nearest(point, &centres)).collect();
    (centres, labels)
}

/// The same on one thread.
fn sequential_clusters(points: &[Point]) -> (Centres, Vec<usize>) {
    let mut centres = first_centres(points);
    for _ in 0..ROUNDS {
        let sums = points.chunks(1000);
        let sums = sums.map(|chunk| Sums::of(chunk, &centres)).reduce(Sums::add);
        centres = sums.unwrap_or_default().centres(&centres);
    }
    let labels = points.iter().map(|point| nearest(point, &centres)).collect();
    (centres, labels)
}

fn first_centres(points: &[Point]) -> Centres {
    std::array::from_fn(|cluster| points[cluster * (points.len() / CLUSTERS)])
}

fn nearest(point: &Point, centres: &Centres) -> usize {
    let distance = |centre: &Point| {
        let (x, y) = (centre[0] - point[0], centre[1] - point[1]);
        x * x + y * y
    };
    (0..CLUSTERS).min_by_key(|&cluster| distance(&centres[cluster])).expect("there are some")
}

/// Of the points of each cluster: how many they are, and their coordinates added up.
#[derive(Default)]
struct Sums([(i64, Point); CLUSTERS]);

impl Sums {
    fn of(points: &[Point], centres: &Centres) -> Self {
        let mut sums = Self::default();
        for point in points {
            let (count, sum) = &mut sums.0[nearest(point, centres)];
            *count += 1;
            *sum = [sum[0] + point[0], sum[1] + point[1]];
        }
        sums
    }

    fn add(mut self, other: Self) -> Self {
        for ((count, sum), (more, others)) in self.0.iter_mut().zip(other.0) {
            *count += more;
            *sum = [sum[0] + others[0], sum[1] + others[1]];
        }
        self
    }

    /// The middle of each cluster; an empty one stays where it was.
    fn centres(&self, before: &Centres) -> Centres {
        std::array::from_fn(|cluster| match self.0[cluster] {
            (0, _) => before[cluster],
            (count, [x, y]) => [x / count, y / count],
        })
    }
}

/// Around as many places as there are clusters.
fn random_points(n: usize) -> Vec<Point> {
    let mut numbers = random::numbers(2 * CLUSTERS + 4 * n).into_iter();
    let mut next = |below: u64| (numbers.next().expect("there are enough") % below) as i64;
    let places: [Point; CLUSTERS] = std::array::from_fn(|_| [next(1 << 20), next(1 << 20)]);
    let mut point = |index: usize| {
        let place = places[index % CLUSTERS];
        // Two throws added up: most are near the place.
        place.map(|coordinate| coordinate + next(1 << 16) + next(1 << 16))
    };
    (0..n).map(&mut point).collect()
}
