use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The bytes that the connections of a transfer received, and the time for which they waited for the
/// network. The time of writes and of the hash does not count, because it says nothing about the link.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    bytes: AtomicU64,
    waited_nanoseconds: AtomicU64,
    waiting: AtomicUsize,
}

/// The values of a [`Traffic`] at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Sample {
    /// The number of received bytes.
    pub(super) bytes: u64,
    /// The sum of the times for which connections waited.
    pub(super) waited: Duration,
    /// The number of connections that wait now.
    pub(super) waiting: usize,
}

impl Traffic {
    /// Calls `wait`, measures its time, and returns its result. `wait` also returns the number of
    /// bytes that it received.
    pub(super) fn measure<T>(&self, wait: impl FnOnce() -> (T, u64)) -> T {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let begin = Instant::now();
        let (result, bytes) = wait();
        let time = u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
        // A sample between the two sees a rate that is too high, which opens no connection.
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.waited_nanoseconds.fetch_add(time, Ordering::Release);
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        result
    }

    pub(super) fn sample(&self) -> Sample {
        let waited = Duration::from_nanos(self.waited_nanoseconds.load(Ordering::Acquire));
        Sample {
            bytes: self.bytes.load(Ordering::Relaxed),
            waited,
            waiting: self.waiting.load(Ordering::Relaxed),
        }
    }
}
