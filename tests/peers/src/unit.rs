//! The units of measured values, and how values are written for people.

use serde::{Deserialize, Serialize};

/// The unit of the values of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// The time of one call.
    Seconds,
    /// The most memory that a process held.
    Bytes,
}

impl Unit {
    /// The steps of the unit, from the largest: the value of one, and its name.
    fn steps(self) -> &'static [(f64, &'static str)] {
        match self {
            Self::Seconds => &[(1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")],
            Self::Bytes => &[
                (1_073_741_824.0, "GiB"),
                (1_048_576.0, "MiB"),
                (1024.0, "KiB"),
            ],
        }
    }

    /// The step in which an axis counts: its ticks are round in it.
    pub fn of_axis(self) -> f64 {
        match self {
            Self::Seconds => 1.0,
            Self::Bytes => 1_048_576.0,
        }
    }

    /// Writes a value with three significant digits.
    pub fn show(self, value: f64) -> String {
        // A value that is rounded to 1000 is written as 1 of the next step.
        let fits = self.steps().iter().find(|(one, _)| value >= one * 0.9995);
        let (one, name) = fits.or(self.steps().last()).expect("there are steps");
        let number = value / one;
        let decimals = match number {
            99.95.. => 0,
            9.995.. => 1,
            _ => 2,
        };
        format!("{number:.decimals$} {name}")
    }

    /// Writes the round value of a tick, without needless zeros.
    pub fn show_tick(self, value: f64) -> String {
        let fits = self.steps().iter().find(|(one, _)| value >= one * 0.9995);
        let (one, name) = fits.or(self.steps().last()).expect("there are steps");
        match value {
            0.0 => "0".to_owned(),
            _ => format!("{} {name}", (value / one * 1000.0).round() / 1000.0),
        }
    }
}

/// Writes a number with commas between the thousands.
pub fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Unit, thousands};

    #[test]
    fn values_have_three_significant_digits() {
        assert_eq!(Unit::Seconds.show(786e-9), "786 ns");
        assert_eq!(Unit::Seconds.show(1.1e-6), "1.10 µs");
        assert_eq!(Unit::Seconds.show(13.24e-3), "13.2 ms");
        assert_eq!(Unit::Seconds.show(0.999_9), "1.00 s");
        assert_eq!(Unit::Bytes.show(91_121_254.0), "86.9 MiB");
    }

    #[test]
    fn large_numbers_have_commas() {
        assert_eq!(thousands(100), "100");
        assert_eq!(thousands(100_000), "100,000");
    }

    #[test]
    fn ticks_have_no_needless_zeros() {
        assert_eq!(Unit::Seconds.show_tick(1e-3), "1 ms");
        assert_eq!(Unit::Seconds.show_tick(2.5), "2.5 s");
        assert_eq!(Unit::Seconds.show_tick(0.0), "0");
        assert_eq!(Unit::Bytes.show_tick(20.0 * 1_048_576.0), "20 MiB");
    }
}
