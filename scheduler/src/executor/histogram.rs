//! How long things took, in few words.

use crate::sync::Counter;
use std::fmt;
use std::time::Duration;

/// Bucket 0 is for nothing at all, bucket `i` for times from `2^(i-1)` to just below `2^i` ns; the last
/// one for all that is longer.
const BUCKETS: usize = 64;

/// The bucket of a time.
fn bucket(nanos: u64) -> usize {
    ((u64::BITS - nanos.leading_zeros()) as usize).min(BUCKETS - 1)
}

/// The longest time of a bucket.
fn ceiling(bucket: usize) -> u64 {
    if bucket == BUCKETS - 1 { u64::MAX } else { (1 << bucket) - 1 }
}

/// What one worker records.
#[derive(Debug)]
pub(super) struct Recorder {
    buckets: [Counter; BUCKETS],
    sum: Counter,
    max: Counter,
}

impl Default for Recorder {
    fn default() -> Self {
        Self {
            buckets: [const { Counter::new() }; BUCKETS],
            sum: Counter::new(),
            max: Counter::new(),
        }
    }
}

impl Recorder {
    /// By the one who records.
    pub(super) fn record(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.buckets[bucket(nanos)].add(1);
        self.sum.add(nanos);
        self.max.raise(nanos);
    }
}

/// How often something took how long: its mean, its maximum, and its quantiles to within a factor of two.
///
/// # Examples
///
/// ```
/// use scheduler::{Executor, ThreadPool};
/// use std::time::Duration;
///
/// let pool = ThreadPool::new(1)?;
/// let executor = Executor::builder(&pool).timings(true).build()?;
/// let naps = (0..4).map(|_| executor.submit(|| std::thread::sleep(Duration::from_millis(1))));
/// for nap in naps.collect::<Result<Vec<_>, _>>()? {
///     nap.join()?;
/// }
/// # executor.shutdown(scheduler::Shutdown::Drain);
/// let run_time = executor.metrics().run_time.expect("it was asked for");
/// assert_eq!(run_time.count(), 4);
/// assert!(run_time.quantile(0.5) >= Some(Duration::from_millis(1)));
/// assert!(run_time.quantile(0.5) <= run_time.max());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Histogram {
    buckets: [u64; BUCKETS],
    sum: u128,
    max: u64,
}

impl Histogram {
    /// Of all that these have recorded.
    pub(super) fn of<'a>(recorders: impl Iterator<Item = &'a Recorder>) -> Self {
        let mut all = Self { buckets: [0; BUCKETS], sum: 0, max: 0 };
        for recorder in recorders {
            for (count, counter) in all.buckets.iter_mut().zip(&recorder.buckets) {
                *count += counter.get();
            }
            all.sum += u128::from(recorder.sum.get());
            all.max = all.max.max(recorder.max.get());
        }
        all
    }

    /// How many times there are.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{Executor, Shutdown, ThreadPool};
    ///
    /// let pool = ThreadPool::new(1)?;
    /// let executor = Executor::builder(&pool).timings(true).build()?;
    /// (0..10).try_for_each(|_| executor.execute(|| ()))?;
    /// let _ = executor.shutdown(Shutdown::Drain);
    /// assert_eq!(executor.metrics().run_time.map(|times| times.count()), Some(10));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// All of them added up.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{Executor, Shutdown, ThreadPool};
    /// use std::time::Duration;
    ///
    /// let pool = ThreadPool::new(1)?;
    /// let executor = Executor::builder(&pool).timings(true).build()?;
    /// for _ in 0..2 {
    ///     executor.execute(|| std::thread::sleep(Duration::from_millis(2)))?;
    /// }
    /// let _ = executor.shutdown(Shutdown::Drain);
    /// assert!(executor.metrics().run_time.unwrap().sum() >= Duration::from_millis(4));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn sum(&self) -> Duration {
        let (seconds, nanos) = (self.sum / 1_000_000_000, self.sum % 1_000_000_000);
        Duration::new(u64::try_from(seconds).unwrap_or(u64::MAX), nanos as u32)
    }

    /// Each bucket's longest time, and how many times are in it: those longer than the longest of the
    /// bucket before. Bucket by bucket that doubles, from none at all and 1 ns on; the last bucket has all
    /// that is longer.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{Executor, Shutdown, ThreadPool};
    ///
    /// let pool = ThreadPool::new(1)?;
    /// let executor = Executor::builder(&pool).timings(true).build()?;
    /// executor.execute(|| ())?;
    /// let _ = executor.shutdown(Shutdown::Drain);
    /// let run_time = executor.metrics().run_time.expect("it was asked for");
    /// for (longest, count) in run_time.buckets().filter(|&(_, count)| count != 0) {
    ///     println!("up to {longest:?}: {count}");
    /// }
    /// assert_eq!(run_time.buckets().map(|(_, count)| count).sum::<u64>(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn buckets(&self) -> impl Iterator<Item = (Duration, u64)> {
        let longest = |bucket| Duration::from_nanos(ceiling(bucket));
        self.buckets.iter().enumerate().map(move |(bucket, &n)| (longest(bucket), n))
    }

    /// The longest, to the nanosecond; `None` if there are none.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{Executor, Shutdown, ThreadPool};
    /// use std::time::Duration;
    ///
    /// let pool = ThreadPool::new(1)?;
    /// let executor = Executor::builder(&pool).timings(true).build()?;
    /// assert_eq!(executor.metrics().run_time.unwrap().max(), None);
    /// executor.execute(|| std::thread::sleep(Duration::from_millis(2)))?;
    /// let _ = executor.shutdown(Shutdown::Drain);
    /// assert!(executor.metrics().run_time.unwrap().max() >= Some(Duration::from_millis(2)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn max(&self) -> Option<Duration> {
        (self.count() != 0).then(|| Duration::from_nanos(self.max))
    }

    /// The mean, rounded down to a nanosecond; `None` if there are none.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{Executor, Shutdown, ThreadPool};
    ///
    /// let pool = ThreadPool::new(1)?;
    /// let executor = Executor::builder(&pool).timings(true).build()?;
    /// (0..10).try_for_each(|_| executor.execute(|| ()))?;
    /// let _ = executor.shutdown(Shutdown::Drain);
    /// let run_time = executor.metrics().run_time.unwrap();
    /// assert!(run_time.mean() <= run_time.max());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn mean(&self) -> Option<Duration> {
        let mean = self.sum.checked_div(self.count().into())?;
        Some(Duration::from_nanos(u64::try_from(mean).unwrap_or(u64::MAX)))
    }

    /// A time that the fraction `q` of all does not exceed: with 0.99, 99 of 100 took at most so long. It
    /// is never too short, and less than twice too long: the times are counted in buckets whose limits are
    /// powers of two. `q` outside of 0 to 1 is taken as the nearer of the two, and a `q` that is not a
    /// number as 0. `None` if there are no times.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{Executor, Shutdown, ThreadPool};
    ///
    /// let pool = ThreadPool::new(1)?;
    /// let executor = Executor::builder(&pool).timings(true).build()?;
    /// (0..100).try_for_each(|_| executor.execute(|| ()))?;
    /// let _ = executor.shutdown(Shutdown::Drain);
    /// let waits = executor.metrics().queue_wait.unwrap();
    /// assert!(waits.quantile(0.5) <= waits.quantile(0.99));
    /// assert_eq!(waits.quantile(1.0), waits.max());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn quantile(&self, q: f64) -> Option<Duration> {
        let count = self.count();
        // A NaN comes to 0.
        let rank = ((q.clamp(0.0, 1.0) * count as f64).ceil() as u64).clamp(1, count.max(1));
        let mut below = 0;
        for (bucket, n) in self.buckets.iter().enumerate() {
            below += n;
            if below >= rank {
                return Some(Duration::from_nanos(ceiling(bucket).min(self.max)));
            }
        }
        None
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Histogram")
            .field("count", &self.count())
            .field("mean", &self.mean())
            .field("p50", &self.quantile(0.5))
            .field("p99", &self.quantile(0.99))
            .field("max", &self.max())
            .finish()
    }
}

/// Its median, 99th percentile and maximum, in a line.
impl fmt::Display for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.quantile(0.5), self.quantile(0.99), self.max()) {
            (Some(p50), Some(p99), Some(max)) => {
                write!(f, "p50 {p50:.1?}, p99 {p99:.1?}, max {max:.1?}")
            }
            _ => f.write_str("none"),
        }
    }
}

#[cfg(all(test, not(any(scheduler_loom, scheduler_shuttle))))]
mod tests {
    use super::{Histogram, Recorder, bucket, ceiling};
    use std::time::Duration;

    fn of(nanos: &[u64]) -> Histogram {
        let recorder = Recorder::default();
        nanos.iter().for_each(|&n| recorder.record(Duration::from_nanos(n)));
        Histogram::of([&recorder].into_iter())
    }

    #[test]
    fn a_time_is_in_the_bucket_that_it_does_not_exceed() {
        for nanos in [0, 1, 2, 3, 4, 1023, 1024, 1 << 62, (1 << 63) - 1, u64::MAX] {
            let bucket = bucket(nanos);
            assert!(nanos <= ceiling(bucket));
            assert!(bucket == 0 || nanos > ceiling(bucket - 1));
        }
    }

    #[test]
    fn none_has_neither_mean_nor_quantile() {
        let none = of(&[]);
        assert_eq!((none.count(), none.mean(), none.max()), (0, None, None));
        assert_eq!((none.quantile(0.0), none.quantile(1.0)), (None, None));
        assert_eq!(none.to_string(), "none");
    }

    #[test]
    fn a_quantile_is_never_too_short_and_less_than_twice_too_long() {
        let times: Vec<u64> = (1..=1000).map(|n| n * n).collect();
        let histogram = of(&times);
        for (q, rank) in [(0.001, 1), (0.5, 500), (0.9, 900), (0.99, 990), (1.0, 1000)] {
            let exact = times[rank - 1];
            let got = histogram.quantile(q).expect("there are some").as_nanos() as u64;
            assert!(exact <= got && got < 2 * exact, "{q}: {exact} was {got}");
        }
        assert_eq!(histogram.quantile(7.0), histogram.max());
        assert_eq!(histogram.quantile(-1.0), histogram.quantile(0.0));
        assert_eq!(histogram.quantile(f64::NAN), histogram.quantile(0.0));
        assert_eq!(histogram.mean(), Some(Duration::from_nanos(333_833)));
        assert_eq!(histogram.sum(), Duration::from_nanos(333_833_500));
    }

    #[test]
    fn buckets_have_every_time_once() {
        let times = [0, 1, 2, 3, 1 << 40, u64::MAX];
        let histogram = of(&times);
        let mut longer_than = None;
        for (longest, n) in histogram.buckets() {
            let longest = longest.as_nanos() as u64;
            let within = |&&time: &&u64| time <= longest && longer_than < Some(time);
            assert_eq!(n, times.iter().filter(within).count() as u64, "up to {longest}");
            longer_than = Some(longest);
        }
        assert_eq!(longer_than, Some(u64::MAX));
    }
}
