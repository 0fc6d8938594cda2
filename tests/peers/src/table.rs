use serde_json::{Value, json};

use crate::measure::Stat;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// How long one call takes.
    Seconds,
    /// The most memory that the process held.
    Bytes,
}

/// One kind of work; ours comes first.
#[derive(Debug, Clone)]
pub struct Row {
    /// What is done.
    pub work: String,
    /// Over how many entries, if that counts.
    pub size: Option<usize>,
    pub unit: Unit,
    /// What each needs.
    pub stats: Vec<Stat>,
    /// What else there is to know.
    pub remark: Option<String>,
}

impl Row {
    /// The time that work takes.
    pub fn of_time(work: impl Into<String>, stats: Vec<Stat>) -> Self {
        Self {
            work: work.into(),
            size: None,
            unit: Unit::Seconds,
            stats,
            remark: None,
        }
    }

    /// It is about so many entries.
    #[must_use]
    pub fn over(mut self, entries: usize) -> Self {
        self.size = Some(entries);
        self
    }

    /// Something else that was seen.
    #[must_use]
    pub fn remark(mut self, remark: String) -> Self {
        self.remark = Some(remark);
        self
    }
}

/// All rows of a run.
#[derive(Debug, Default)]
pub struct Table {
    rows: Vec<Row>,
    growth: Vec<Value>,
    /// What was not measured, and why.
    skipped: Vec<String>,
}

impl Table {
    /// Adds a row and prints it.
    pub fn add(&mut self, row: Row) {
        let size = row
            .size
            .map_or_else(String::new, |size| format!(", {size} entries"));
        println!("{}{size}", row.work);
        let ours = row.stats.first().map_or(f64::NAN, |stat| stat.median);
        for stat in &row.stats {
            let (best, worst) = stat.spread;
            println!(
                "    {:<44} {:>10}  {:>9.2}x  [{} to {}]",
                stat.name,
                row.unit.show(stat.median),
                stat.median / ours,
                row.unit.show(best),
                row.unit.show(worst),
            );
        }
        if let Some(remark) = &row.remark {
            println!("    {remark}");
        }
        self.rows.push(row);
    }

    /// Notes what could not be measured.
    pub fn skip(&mut self, what: &str, why: &str) {
        println!("{what}: skipped: {why}");
        self.skipped.push(format!("{what}: {why}"));
    }

    /// How the cost of each kind of work grows with the number of entries, beside what the README
    /// says that it grows like at most.
    pub fn print_growth(&mut self, documented: &[(&str, Growth)]) {
        println!("growth of ours, from the smallest to the largest size");
        for (work, at_most) in documented {
            let of_work = self.rows.iter().filter(|row| row.work == *work);
            let points: Vec<(f64, f64)> = of_work
                .filter_map(|row| Some((row.size? as f64, row.stats.first()?.median)))
                .collect();
            let Some(exponent) = exponent(&points) else {
                continue;
            };
            let found = Growth::of(exponent);
            let verdict = if found > *at_most {
                ": FASTER than"
            } else {
                ", at most"
            };
            println!("    {work:<26} n^{exponent:.2}, {found:?}{verdict} documented: {at_most:?}");
            self.growth.push(json!({
                "work": work, "exponent": exponent, "is": format!("{found:?}"),
                "documented": format!("{at_most:?}"),
            }));
        }
    }

    /// All of it, with what it was measured on.
    pub fn to_json(&self, machine: &Value) -> Value {
        let rows: Vec<Value> = self.rows.iter().map(row_json).collect();
        json!({"machine": machine, "rows": rows, "growth": self.growth, "skipped": self.skipped})
    }
}

fn row_json(row: &Row) -> Value {
    let stats: Vec<Value> = row
        .stats
        .iter()
        .map(|stat| {
            let (best, worst) = stat.spread;
            json!({"name": stat.name, "median": stat.median, "best": best, "worst": worst})
        })
        .collect();
    let unit = match row.unit {
        Unit::Seconds => "seconds",
        Unit::Bytes => "bytes",
    };
    json!({"work": row.work, "entries": row.size, "unit": unit, "measured": stats, "remark": row.remark})
}

/// The slope of a line through the points in logarithms, by least squares.
fn exponent(points: &[(f64, f64)]) -> Option<f64> {
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

/// How a cost grows with the number of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Growth {
    Constant,
    /// As a search does, and caches that no longer hold all.
    Log,
    /// A fixed part, and one for each entry.
    FixedAndLinear,
    Linear,
    More,
}

impl Growth {
    /// What an exponent comes nearest to, over sizes that differ a hundredfold or more.
    fn of(exponent: f64) -> Self {
        match exponent {
            ..0.1 => Self::Constant,
            0.1..0.35 => Self::Log,
            0.35..0.85 => Self::FixedAndLinear,
            0.85..1.15 => Self::Linear,
            _ => Self::More,
        }
    }
}

impl Unit {
    /// A value for people.
    fn show(self, value: f64) -> String {
        let steps: &[(f64, &str)] = match self {
            Self::Seconds => &[(1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns")],
            Self::Bytes => &[
                (1_073_741_824.0, "GiB"),
                (1_048_576.0, "MiB"),
                (1024.0, "KiB"),
            ],
        };
        let fits = steps.iter().find(|(one, _)| value >= *one);
        let (one, name) = fits.or(steps.last()).expect("there are steps");
        format!("{:.2} {name}", value / one)
    }
}
