//! The number of connections of a transfer.

use std::time::{Duration, Instant};

use super::traffic::Sample;

/// The time between two adaptations.
const STEP: Duration = Duration::from_millis(20);

/// The rate of one connection, in bytes a second, above which no more than two connections help:
/// the link is faster than one processor hashes.
const FAST: u64 = 400 << 20;

/// The rate of one connection, in bytes a second, above which a third connection does not help.
const MEDIUM: u64 = 150 << 20;

/// The number of steps without a byte after which a link on which a connection waits counts as slow.
const SILENT: u32 = 2;

/// Adapts the number of connections to the rate of the link.
#[derive(Debug)]
pub(super) struct Pace {
    connections: usize,
    most: usize,
    last: Option<(Instant, Sample)>,
    /// The number of steps since the last byte, in which a connection waited.
    silent: u32,
    /// The rate of one connection, in bytes a second, smoothed over some steps.
    rate: Option<u64>,
}

impl Pace {
    pub(super) fn new(most: usize) -> Self {
        Self {
            connections: 1,
            most: most.max(1),
            last: None,
            silent: 0,
            rate: None,
        }
    }

    /// Returns the rate of one connection in bytes a second, if it is known.
    pub(super) fn rate(&self) -> Option<u64> {
        self.rate
    }

    /// Returns the number of connections for the next step. `has_work` says whether another connection
    /// would find work.
    pub(super) fn next(&mut self, now: Instant, traffic: Sample, has_work: bool) -> usize {
        let Some((begin, before)) = self.last else {
            if has_work {
                self.last = Some((now, traffic));
            }
            return self.connections;
        };
        if now.duration_since(begin) < STEP {
            return self.connections;
        }
        self.last = Some((now, traffic));
        let Some(each) = self.measure(before, traffic) else {
            return self.connections;
        };
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

    /// Measures the rate of one connection since a sample. Returns `None` if no connection waited
    /// for the network. A connection that has waited for `SILENT` steps without a byte has the rate 0.
    fn measure(&mut self, before: Sample, now: Sample) -> Option<u64> {
        let waited = now.waited.saturating_sub(before.waited);
        if waited.is_zero() {
            self.silent = match now.waiting {
                0 => 0,
                _ => self.silent + 1,
            };
            return (self.silent >= SILENT).then_some(0);
        }
        self.silent = 0;
        let bytes = now.bytes.saturating_sub(before.bytes) as f64;
        Some((bytes / waited.as_secs_f64()) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the connections after some steps on a link of this rate for each connection. The
    /// connections wait for the network in one of `share` parts of the time.
    fn connections_after(rate: u64, steps: u32, share: u32) -> usize {
        let mut pace = Pace::new(8);
        let begin = Instant::now();
        let mut traffic = Sample::default();
        let mut connections = pace.next(begin, traffic, true);
        for step in 1..=steps {
            let waited = STEP * connections as u32 / share;
            traffic.waited += waited;
            traffic.bytes += (rate as f64 * waited.as_secs_f64()) as u64;
            connections = pace.next(begin + STEP * step, traffic, true);
        }
        connections
    }

    /// NET-110
    #[test]
    fn a_throttled_link_has_all_connections_soon_and_a_fast_one_few() {
        assert_eq!(connections_after(60_000_000, 9, 1), 8);
        assert_eq!(connections_after(1_000_000_000, 100, 1), 1);
        assert_eq!(connections_after(200 << 20, 100, 1), 2);
    }

    /// NET-110
    #[test]
    fn a_slow_disk_is_not_taken_for_a_slow_link() {
        assert_eq!(connections_after(1_000_000_000, 100, 50), 1);
        // All connections are in a write, which takes many steps.
        let mut pace = Pace::new(8);
        let begin = Instant::now();
        for step in 0..50 {
            let connections = pace.next(begin + STEP * step, Sample::default(), true);
            assert_eq!(connections, 1);
        }
        // A connection waits, and no byte comes.
        let silent = Sample {
            waiting: 1,
            ..Sample::default()
        };
        for step in 50..60 {
            pace.next(begin + STEP * step, silent, true);
        }
        assert_eq!(pace.connections, 8);
    }
}
