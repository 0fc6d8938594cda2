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

    /// How the cost of each kind of work grows with the number of entries: the exponent between the
    /// smallest and the largest size, and what that is.
    pub fn print_growth(&self) {
        println!("growth of ours, from the smallest to the largest size");
        let mut seen: Vec<&str> = Vec::new();
        for row in self.rows.iter().filter(|row| row.size.is_some()) {
            if seen.contains(&row.work.as_str()) {
                continue;
            }
            seen.push(&row.work);
            let points: Vec<(f64, f64)> = self
                .rows
                .iter()
                .filter(|other| other.work == row.work)
                .filter_map(|other| {
                    let first = other.stats.first()?;
                    Some((other.size? as f64, first.median))
                })
                .collect();
            if let Some(exponent) = exponent(&points) {
                println!("  {:<26} n^{exponent:.2}: {}", row.work, kind(exponent));
            }
        }
    }

    /// All of it, with what it was measured on.
    pub fn to_json(&self, machine: &Value) -> Value {
        let rows: Vec<Value> = self.rows.iter().map(row_json).collect();
        json!({"machine": machine, "rows": rows, "skipped": self.skipped})
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

fn kind(exponent: f64) -> &'static str {
    match exponent {
        ..0.1 => "constant",
        0.1..0.4 => "between constant and a root, as of caches that no longer hold all",
        0.4..0.8 => "less than linear: a fixed part, and one for each entry",
        0.8..1.2 => "linear",
        _ => "more than linear",
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
