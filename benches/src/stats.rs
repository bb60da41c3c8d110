//! Order statistics of a few samples.

/// Five numbers that say what a list of samples looks like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Summary {
    pub(crate) min: f64,
    pub(crate) q1: f64,
    pub(crate) median: f64,
    pub(crate) q3: f64,
    pub(crate) max: f64,
}

impl Summary {
    /// `None` without samples.
    pub(crate) fn of(mut samples: Vec<f64>) -> Option<Summary> {
        samples.sort_by(f64::total_cmp);
        let at = |q| quantile(&samples, q);
        Some(Summary {
            min: at(0.0)?,
            q1: at(0.25)?,
            median: at(0.5)?,
            q3: at(0.75)?,
            max: at(1.0)?,
        })
    }
}

/// The `q`-quantile, 0 to 1, of samples in ascending order; what lies between two of them is
/// interpolated. `None` without samples.
pub(crate) fn quantile(sorted: &[f64], q: f64) -> Option<f64> {
    let place = q * sorted.len().checked_sub(1)? as f64;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    Some(below + (above - below) * place.fract())
}

/// The middle value; `None` of nothing.
pub(crate) fn median(values: Vec<f64>) -> Option<f64> {
    Some(Summary::of(values)?.median)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_odd_and_an_even_number_of_samples() {
        let odd = Summary::of(vec![5.0, 1.0, 3.0, 2.0, 4.0]).expect("has samples");
        assert_eq!(odd, Summary { min: 1.0, q1: 2.0, median: 3.0, q3: 4.0, max: 5.0 });
        let even = Summary::of(vec![4.0, 1.0, 2.0, 3.0]).expect("has samples");
        assert_eq!(even, Summary { min: 1.0, q1: 1.75, median: 2.5, q3: 3.25, max: 4.0 });
    }

    #[test]
    fn of_one_and_of_none() {
        let one = Summary::of(vec![7.0]).expect("has a sample");
        assert_eq!((one.min, one.median, one.max), (7.0, 7.0, 7.0));
        assert_eq!(Summary::of(Vec::new()), None);
    }

    #[test]
    fn percentiles_reach_into_the_tail() {
        let sorted: Vec<f64> = (0..=1000).map(f64::from).collect();
        assert_eq!(quantile(&sorted, 0.99), Some(990.0));
        assert_eq!(quantile(&sorted, 0.999), Some(999.0));
    }
}
