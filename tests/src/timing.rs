//! A clock whose times several processes can compare, medians and quantiles.

use rustix::time::{ClockId, clock_gettime};

/// The nanoseconds of the clock that only goes forwards, the same in all processes.
pub fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    seconds * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}

/// The value that this share of all values does not exceed; 0 without values.
pub fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let number = (sorted.len() as f64 * share).ceil() as usize;
    sorted
        .get(number.saturating_sub(1))
        .copied()
        .unwrap_or_default()
}

/// The value in the middle.
pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// The least value.
pub fn least(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}
