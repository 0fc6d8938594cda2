//! The memory for bytes that have arrived and are not hashed yet.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The number of bytes that all transfers of this process may hold.
const WINDOW: u64 = 64 << 20;

/// The largest and the smallest part of a file that one request asks for.
const PART: (u64, u64) = (256 << 10, 8 << 20);

/// The number of files that are transferred by this process.
static FILES: AtomicUsize = AtomicUsize::new(0);

/// The right of one file to a share of the window.
#[derive(Debug)]
pub(super) struct Share(());

impl Share {
    pub(super) fn take() -> Self {
        FILES.fetch_add(1, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        FILES.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Returns how far the parts of a file may be ahead of its hash.
pub(super) fn ahead() -> u64 {
    let files = FILES.load(Ordering::Relaxed).max(1) as u64;
    (WINDOW / files).max(PART.0)
}

/// Returns the size of the next part: at most a quarter of the share of each connection, and at most
/// the bytes that a connection fetches in a second.
pub(super) fn part(connections: usize, rate: Option<u64>) -> u64 {
    let share = ahead() / 4 / connections.max(1) as u64;
    let most = rate.unwrap_or(PART.1);
    share.min(most).clamp(PART.0, PART.1)
}
