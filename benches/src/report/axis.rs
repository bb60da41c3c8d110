//! From values to places on a drawing.

/// A linear or a logarithmic axis.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    log: bool,
    /// The values at its ends.
    values: (f64, f64),
    /// Where its ends are drawn.
    places: (f64, f64),
    pub(crate) ticks: Vec<f64>,
}

impl Axis {
    /// A linear axis that has room for `from..=to`, and some five ticks.
    pub(crate) fn linear((from, to): (f64, f64), places: (f64, f64)) -> Axis {
        let span = if to > from { to - from } else { from.abs().max(1.0) };
        let step = round_step(span / 5.0);
        let (first, last) = ((from / step).floor(), ((from + span) / step).ceil());
        let ticks = (0..=(last - first) as u32).map(|n| (first + f64::from(n)) * step).collect();
        Axis { log: false, values: (first * step, last * step), places, ticks }
    }

    /// A logarithmic axis that has room for `from..=to`, both above zero.
    pub(crate) fn log((from, to): (f64, f64), places: (f64, f64)) -> Axis {
        // Steps of 1, 2, 5 are enough for a few decades, else whole decades.
        let steps: &[f64] = if to / from < 1e3 { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let decades = from.log10().floor() as i32..=to.log10().ceil() as i32;
        let all: Vec<_> = decades
            .flat_map(|decade| steps.iter().map(move |step| step * 10f64.powi(decade)))
            .collect();
        // Of those at and beyond an end, the nearest.
        let first = all.iter().rposition(|&tick| tick <= from * 1.000_001).unwrap_or(0);
        let last = all.iter().position(|&tick| tick >= to * 0.999_999).unwrap_or(all.len() - 1);
        let ticks = all[first..=last.max(first + 1).min(all.len() - 1)].to_vec();
        let values = (ticks[0], ticks[ticks.len() - 1]);
        Axis { log: true, values, places, ticks }
    }

    /// The same axis, cut to `from..=to` and with ticks at just these values.
    pub(crate) fn ticked(self, ticks: Vec<f64>, values: (f64, f64)) -> Axis {
        Axis { ticks, values, ..self }
    }

    /// Where `value` is drawn; not finite if the axis has no place for it.
    pub(crate) fn at(&self, value: f64) -> f64 {
        let scale = |value: f64| if self.log { value.log10() } else { value };
        let (from, to) = (scale(self.values.0), scale(self.values.1));
        let share = (scale(value) - from) / (to - from);
        self.places.0 + share * (self.places.1 - self.places.0)
    }
}

/// The smallest of 1, 2, 5 times a power of ten that is at least `step`.
fn round_step(step: f64) -> f64 {
    let decade = 10f64.powf(step.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * decade >= step * 0.999_999);
    factor.unwrap_or(10.0) * decade
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_linear_axis_has_round_ticks_and_room() {
        let axis = Axis::linear((0.0, 123.0), (100.0, 400.0));
        assert_eq!(axis.ticks, [0.0, 50.0, 100.0, 150.0]);
        assert_eq!((axis.at(0.0), axis.at(75.0), axis.at(150.0)), (100.0, 250.0, 400.0));
    }

    #[test]
    fn a_logarithmic_axis_has_room_and_no_place_for_zero() {
        let axis = Axis::log((3.0, 150.0), (0.0, 100.0));
        assert_eq!(axis.ticks, [2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0]);
        assert_eq!(axis.at(20.0), 50.0);
        assert!(!axis.at(0.0).is_finite());
        assert_eq!(Axis::log((1.0, 1e6), (0.0, 1.0)).ticks.len(), 7);
    }

    #[test]
    fn a_single_value_gets_an_axis() {
        for value in [0.0, 1.0, 64.0] {
            let axis = Axis::linear((value, value), (0.0, 1.0));
            assert!(axis.at(value).is_finite(), "linear, {value}");
        }
        for value in [0.5, 1.0, 64.0] {
            let axis = Axis::log((value, value), (0.0, 1.0));
            assert!(axis.at(value).is_finite(), "logarithmic, {value}");
        }
    }
}
