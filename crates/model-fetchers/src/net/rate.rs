use std::time::{Duration, Instant};

use super::error::NetError;
use super::url::Url;

/// The least number of bytes a second of a connection that lives.
const LEAST_RATE: u64 = 1 << 10;

/// Measures whether a connection is too slow to live.
pub(crate) struct Rate {
    over: Duration,
    begin: Instant,
    bytes: u64,
}

impl Rate {
    /// Begins to measure. The rate counts over this time.
    pub(crate) fn new(over: Duration) -> Self {
        Self {
            over,
            begin: Instant::now(),
            bytes: 0,
        }
    }

    /// Leaves out a time in which the bytes were not read.
    pub(crate) fn pause(&mut self, time: Duration) {
        self.begin += time;
    }

    /// Counts bytes from a URL.
    ///
    /// # Errors
    ///
    /// [`NetError::Broken`] if the connection is too slow.
    pub(crate) fn note(&mut self, bytes: u64, url: &Url) -> Result<(), NetError> {
        self.bytes += bytes;
        let time = self.begin.elapsed();
        if time < self.over {
            return Ok(());
        }
        let least = (LEAST_RATE as f64 * time.as_secs_f64()) as u64;
        if self.bytes < least {
            return Err(NetError::Broken {
                host: url.origin().host.clone(),
                detail: format!("less than {LEAST_RATE} bytes a second arrived"),
            });
        }
        (self.begin, self.bytes) = (Instant::now(), 0);
        Ok(())
    }
}
