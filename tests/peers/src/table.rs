use std::time::Duration;

use serde_json::{Value, json};

use crate::measure::Stat;

/// One kind of work; ours comes first.
#[derive(Debug, Clone)]
pub struct Row {
    /// What is done.
    pub work: String,
    /// Over how many entries, if that counts.
    pub size: Option<usize>,
    /// How long it takes.
    pub stats: Vec<Stat>,
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
        let mut line = format!("{:<44}", format!("{}{size}", row.work));
        let ours = row.stats.first().map(|stat| stat.median.as_secs_f64());
        for stat in &row.stats {
            let ratio = stat.median.as_secs_f64() / ours.unwrap_or(f64::NAN);
            line.push_str(&format!(
                "  {} {} ({ratio:.2}x)",
                stat.name,
                shown(stat.median)
            ));
        }
        println!("{line}");
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
                    Some((other.size? as f64, first.median.as_secs_f64()))
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
            json!({
                "name": stat.name,
                "median_ns": stat.median.as_nanos() as u64,
                "fastest_ns": stat.spread.0.as_nanos() as u64,
                "slowest_ns": stat.spread.1.as_nanos() as u64,
            })
        })
        .collect();
    json!({"work": row.work, "entries": row.size, "times": stats})
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

/// A time for people.
pub fn shown(time: Duration) -> String {
    let micros = time.as_secs_f64() * 1e6;
    match micros {
        0.0..1_000.0 => format!("{micros:.2} us"),
        1_000.0..1_000_000.0 => format!("{:.2} ms", micros / 1e3),
        _ => format!("{:.2} s", micros / 1e6),
    }
}
