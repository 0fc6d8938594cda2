//! How a cost grows with the number of entries.

use crate::measured::Row;

/// A kind of growth, from the slowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Growth {
    Constant,
    /// A search grows like this, and so do misses of caches that are too small.
    Log,
    /// A fixed part, and one for each entry.
    FixedAndLinear,
    Linear,
    More,
}

/// The documented growth of our costs, at most.
pub const DOCUMENTED: [(&str, Growth); 5] = [
    ("get", Growth::Log),
    ("list", Growth::Linear),
    ("put", Growth::FixedAndLinear),
    ("put, each of 16 threads", Growth::FixedAndLinear),
    ("open and list", Growth::Linear),
];

impl Growth {
    /// The growth that an exponent comes nearest to, over sizes that differ a hundredfold or more.
    pub fn of(exponent: f64) -> Self {
        match exponent {
            ..0.1 => Self::Constant,
            0.1..0.35 => Self::Log,
            0.35..0.85 => Self::FixedAndLinear,
            0.85..1.15 => Self::Linear,
            _ => Self::More,
        }
    }

    /// The words for it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Log => "logarithmic",
            Self::FixedAndLinear => "a fixed part plus a linear part",
            Self::Linear => "linear",
            Self::More => "more than linear",
        }
    }
}

/// The points of one contender in the rows of one kind of work: numbers of entries, and medians.
pub fn points(rows: &[Row], work: &str, contender: &str) -> Vec<(f64, f64)> {
    let of_work = rows.iter().filter(|row| row.work == work);
    let points = of_work.filter_map(|row| {
        let stat = row.measured.iter().find(|stat| stat.name == contender)?;
        Some((row.entries? as f64, stat.median))
    });
    points.collect()
}

/// The slope of a line through the points in logarithms, by least squares.
pub fn exponent(points: &[(f64, f64)]) -> Option<f64> {
    if points.len() < 2 {
        return None;
    }
    let logs: Vec<(f64, f64)> = points.iter().map(|(n, time)| (n.ln(), time.ln())).collect();
    let count = logs.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| logs.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let covariance: f64 = logs.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    let variance: f64 = logs.iter().map(|point| (point.0 - x).powi(2)).sum();
    Some(covariance / variance)
}

#[cfg(test)]
mod tests {
    use super::{Growth, exponent};

    #[test]
    fn a_power_has_its_exponent() {
        let points = [(100.0, 1e-4), (1_000.0, 1e-3), (10_000.0, 1e-2)];
        let found = exponent(&points).unwrap();
        assert!((found - 1.0).abs() < 1e-9, "{found}");
        assert_eq!(Growth::of(found), Growth::Linear);
    }

    #[test]
    fn one_point_has_no_growth() {
        assert_eq!(exponent(&[(100.0, 1e-4)]), None);
    }
}
