use std::fs;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use catalog_core::{CatalogEntry, CatalogStore, FsCatalog};

use crate::timing::now_ns;

const THREADS: usize = 8;
const PAUSE: Duration = Duration::from_millis(1);

/// What the readers read through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handles {
    /// One handle for all.
    One,
    /// A new one for the first `get` of a thread after each write, so that it reads all entries again:
    /// the sabotage.
    FreshAfterEachWrite,
}

/// The time that one `get` took, in nanoseconds of the common clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Get {
    pub(super) begin: u64,
    pub(super) end: u64,
}

impl Get {
    pub(super) fn ms(&self) -> f64 {
        (self.end - self.begin) as f64 * 1e-6
    }
}

/// Threads that look up one entry after another.
pub(super) struct Readers<'c> {
    pub(super) catalog: &'c FsCatalog,
    pub(super) entries: &'c [CatalogEntry],
    pub(super) handles: Handles,
}

impl Readers<'_> {
    /// Reads for some time, while `beside` is called again and again.
    pub(super) fn run_for(
        &self,
        time: Duration,
        beside: &(dyn Fn() + Sync),
    ) -> Result<Vec<Get>, String> {
        let end = Instant::now() + time;
        let (gets, ()) = self.run_while(|| {
            while Instant::now() < end {
                beside();
                std::thread::sleep(PAUSE);
            }
            Ok(())
        })?;
        Ok(gets)
    }

    /// Reads until `work` ends.
    pub(super) fn run_while<T>(
        &self,
        work: impl FnOnce() -> Result<T, String>,
    ) -> Result<(Vec<Get>, T), String> {
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS)
                .map(|thread| {
                    let is_over = &is_over;
                    scope.spawn(move || self.read(thread, is_over))
                })
                .collect();
            let done = work();
            is_over.store(true, Ordering::Relaxed);
            let mut gets = Vec::new();
            for thread in threads {
                let part = thread.join().map_err(|_| "a reader panicked")?;
                gets.extend(part?);
            }
            Ok((gets, done?))
        })
    }

    fn read(&self, thread: usize, is_over: &AtomicBool) -> Result<Vec<Get>, String> {
        let mut gets = Vec::with_capacity(1 << 16);
        let mut next = Instant::now();
        let mut number = thread * 1_009;
        let mut seen = self.stamp();
        while !is_over.load(Ordering::Relaxed) {
            next += PAUSE;
            match next.checked_duration_since(Instant::now()) {
                Some(rest) => std::thread::sleep(rest),
                // Late: what was missed is not made up for.
                None => next = Instant::now(),
            }
            number += 7_919;
            let id = &self.entries[number % self.entries.len()].id;
            let begin = now_ns();
            let found = match self.handles {
                Handles::One => self.catalog.get(id),
                Handles::FreshAfterEachWrite if self.stamp() == seen => self.catalog.get(id),
                Handles::FreshAfterEachWrite => {
                    seen = self.stamp();
                    FsCatalog::new(self.catalog.root()).and_then(|fresh| fresh.get(id))
                }
            };
            let end = now_ns();
            match found {
                Ok(Some(_)) => gets.push(Get { begin, end }),
                Ok(None) => return Err(format!("{id} is not there")),
                Err(error) => return Err(error.to_string()),
            }
        }
        Ok(gets)
    }

    /// What tells one index file from the next.
    fn stamp(&self) -> Option<(u64, i64, i64)> {
        let metadata = fs::metadata(self.catalog.root().join("index.json")).ok()?;
        Some((metadata.ino(), metadata.ctime(), metadata.ctime_nsec()))
    }
}
