use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The bytes that the connections of a transfer received, and the time for which they waited for the
/// network. The time of writes and of the hash does not count, because it says nothing about the link.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    bytes: AtomicU64,
    nanoseconds: AtomicU64,
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
    /// Measures a wait for the network. The function returns its result and the number of received
    /// bytes.
    pub(super) fn measure<T>(&self, wait: impl FnOnce() -> (T, u64)) -> T {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let begin = Instant::now();
        let (result, bytes) = wait();
        let time = u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(time, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        result
    }

    pub(super) fn sample(&self) -> Sample {
        Sample {
            bytes: self.bytes.load(Ordering::Relaxed),
            waited: Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed)),
            waiting: self.waiting.load(Ordering::Relaxed),
        }
    }
}
