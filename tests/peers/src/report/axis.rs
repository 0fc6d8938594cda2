//! The axis of a figure: its scale, its range and its ticks.

use std::ops::Range;

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};

use crate::unit::Unit;

/// Bars have a logarithmic axis if the largest value is this many times the smallest.
const RATIO_OF_LOG: f64 = 25.0;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    Linear,
    Log,
}

/// An axis of values. Positions on it are values, or their logarithms.
#[derive(Debug, Clone)]
pub struct Axis {
    unit: Unit,
    pub scale: Scale,
    from: f64,
    to: f64,
}

impl Axis {
    /// The axis of bars of these values, which are positive.
    pub fn of_bars(unit: Unit, values: &[f64]) -> Self {
        let (least, most) = extremes(values);
        let scale = match most / least >= RATIO_OF_LOG {
            true => Scale::Log,
            false => Scale::Linear,
        };
        let from = match scale {
            Scale::Linear => 0.0,
            // The shortest bar is to be seen.
            Scale::Log => {
                10_f64.powf((least / unit.of_axis() / 1.5).log10().floor()) * unit.of_axis()
            }
        };
        Self {
            unit,
            scale,
            from,
            to: most,
        }
    }

    /// The axis of points of these values, which are positive.
    pub fn of_points(unit: Unit, values: &[f64]) -> Self {
        let (least, most) = extremes(values);
        Self {
            unit,
            scale: Scale::Log,
            from: least / 1.6,
            to: most * 1.6,
        }
    }

    /// The position of a value.
    pub fn at(&self, value: f64) -> f64 {
        match self.scale {
            Scale::Linear => value,
            Scale::Log => value.log10(),
        }
    }

    /// The positions from the first to the last.
    pub fn range(&self) -> Range<f64> {
        self.at(self.from)..self.at(self.to)
    }

    /// The positions as a coordinate of a chart.
    pub fn ticked(&self) -> Ticked {
        Ticked {
            range: self.range(),
            ticks: self.ticks(),
        }
    }

    /// The positions of the ticks.
    fn ticks(&self) -> Vec<f64> {
        let unit = self.unit.of_axis();
        let (from, to) = (self.from / unit, self.to / unit);
        let ticks = match self.scale {
            Scale::Linear => linear_ticks(to),
            Scale::Log => log_ticks(from, to),
        };
        ticks.into_iter().map(|tick| self.at(tick * unit)).collect()
    }

    /// The text at a position.
    pub fn label(&self, position: f64) -> String {
        let value = match self.scale {
            Scale::Linear => position,
            Scale::Log => 10_f64.powf(position),
        };
        self.unit.show_tick(value)
    }
}

/// Positions on a line, with ticks at chosen ones.
pub struct Ticked {
    pub range: Range<f64>,
    pub ticks: Vec<f64>,
}

impl Ranged for Ticked {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, position: &f64, (first, last): (i32, i32)) -> i32 {
        let part = (position - self.range.start) / (self.range.end - self.range.start);
        first + (f64::from(last - first) * part).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        // There are no lesser lines between the ticks.
        match hint.weight().allow_light_points() {
            true => Vec::new(),
            false => self.ticks.clone(),
        }
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

fn extremes(values: &[f64]) -> (f64, f64) {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    (least, values.iter().copied().fold(0.0, f64::max))
}

/// Round numbers from 0, about five of them.
fn linear_ticks(to: f64) -> Vec<f64> {
    let rough = to / 5.0;
    let decade = 10_f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * decade);
    let step = steps.into_iter().find(|step| *step >= rough);
    let step = step.unwrap_or(rough);
    let count = (to / step * 1.000_001).floor() as usize;
    (0..=count).map(|number| number as f64 * step).collect()
}

/// The powers of ten; where they are too few, also twice and five times them, where they are too
/// many, every second one.
fn log_ticks(from: f64, to: f64) -> Vec<f64> {
    let decades = (from.log10().floor() as i32)..=(to.log10().ceil() as i32);
    let within = |factors: &[f64]| -> Vec<f64> {
        let decades = decades.clone();
        let all = decades.flat_map(|power| factors.iter().map(move |one| one * 10_f64.powi(power)));
        all.filter(|tick| (from * 0.999..=to * 1.001).contains(tick))
            .collect()
    };
    let ticks = within(&[1.0]);
    match ticks.len() {
        0..2 => within(&[1.0, 2.0, 5.0]),
        2..8 => ticks,
        _ => ticks.into_iter().step_by(2).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Axis, Scale};
    use crate::unit::Unit;

    #[track_caller]
    fn labels(axis: &Axis) -> Vec<String> {
        axis.ticks().into_iter().map(|at| axis.label(at)).collect()
    }

    #[test]
    fn near_values_have_a_linear_axis_from_zero() {
        let axis = Axis::of_bars(Unit::Seconds, &[0.7, 3.2]);
        assert_eq!(axis.scale, Scale::Linear);
        assert_eq!(labels(&axis), ["0", "1 s", "2 s", "3 s"]);
    }

    #[test]
    fn far_values_have_a_logarithmic_axis_below_the_smallest() {
        let axis = Axis::of_bars(Unit::Seconds, &[1.1e-6, 4e-4]);
        assert_eq!(axis.scale, Scale::Log);
        assert_eq!(labels(&axis), ["100 ns", "1 µs", "10 µs", "100 µs"]);
    }

    #[test]
    fn memory_is_counted_in_mebibytes() {
        let mib = 1_048_576.0;
        let axis = Axis::of_bars(Unit::Bytes, &[2.0 * mib, 6.0 * mib]);
        assert_eq!(labels(&axis), ["0", "2 MiB", "4 MiB", "6 MiB"]);
    }

    #[test]
    fn a_short_logarithmic_axis_has_ticks_too() {
        let axis = Axis::of_points(Unit::Seconds, &[2e-4, 5e-4]);
        assert_eq!(labels(&axis), ["200 µs", "500 µs"]);
    }
}
