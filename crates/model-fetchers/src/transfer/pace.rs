//! The number of connections of a transfer.

use std::time::{Duration, Instant};

/// The time between two adaptations.
const STEP: Duration = Duration::from_millis(20);

/// The rate of one connection, in bytes a second, above which no more than two connections help:
/// the link is faster than one processor hashes.
const FAST: u64 = 400 << 20;

/// The rate of one connection, in bytes a second, above which a third connection does not help.
const MEDIUM: u64 = 150 << 20;

/// Adapts the number of connections to the rate of the link.
#[derive(Debug)]
pub(super) struct Pace {
    connections: usize,
    most: usize,
    last: Option<(Instant, u64)>,
    /// The rate of one connection, in bytes a second, smoothed over some steps.
    rate: Option<u64>,
}

impl Pace {
    pub(super) fn new(most: usize) -> Self {
        Self {
            connections: 1,
            most: most.max(1),
            last: None,
            rate: None,
        }
    }

    /// Returns the rate of one connection in bytes a second, if it is known.
    pub(super) fn rate(&self) -> Option<u64> {
        self.rate
    }

    /// Returns the number of connections for the next step. `fetched` is the number of bytes that
    /// have arrived, and `has_work` says whether another connection would find work.
    pub(super) fn next(&mut self, now: Instant, fetched: u64, has_work: bool) -> usize {
        let Some((begin, before)) = self.last else {
            if has_work {
                self.last = Some((now, fetched));
            }
            return self.connections;
        };
        let time = now.duration_since(begin);
        if time < STEP {
            return self.connections;
        }
        self.last = Some((now, fetched));
        let bytes = (fetched - before) as f64 / time.as_secs_f64();
        let each = (bytes / self.connections as f64) as u64;
        self.rate = Some(self.rate.map_or(each, |rate| rate / 4 * 3 + each / 4));
        let useful = match each {
            FAST.. => 1,
            MEDIUM..FAST => 2,
            _ => self.most,
        };
        if has_work && self.connections < useful.min(self.most) {
            self.connections = (self.connections * 2).min(self.most);
        }
        self.connections
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connections_after(rate: u64, steps: u32) -> usize {
        let mut pace = Pace::new(8);
        let begin = Instant::now();
        let mut connections = pace.next(begin, 0, true);
        let mut fetched = 0;
        for step in 1..=steps {
            fetched += rate * connections as u64 / 50;
            connections = pace.next(begin + STEP * step, fetched, true);
        }
        connections
    }

    /// NET-110
    #[test]
    fn a_throttled_link_has_all_connections_soon_and_a_fast_one_few() {
        assert_eq!(connections_after(60_000_000, 9), 8);
        assert_eq!(connections_after(1_000_000_000, 100), 1);
        assert_eq!(connections_after(200 << 20, 100), 2);
    }
}
