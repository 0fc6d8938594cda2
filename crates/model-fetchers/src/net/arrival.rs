use std::io;
use std::time::Duration;

/// The least number of bytes a second of a connection that lives.
const LEAST_RATE: u64 = 1 << 10;

/// The rate at which an answer arrives, from its first bytes on.
#[derive(Debug, Default)]
pub(super) struct Arrival {
    has_begun: bool,
    bytes: u64,
    /// The time for which the bytes were awaited.
    awaited: Duration,
}

impl Arrival {
    /// Counts bytes. Returns an error if the connection was too slow over a time.
    pub(super) fn note(&mut self, bytes: u64, awaited: Duration, over: Duration) -> io::Result<()> {
        if !self.has_begun {
            self.has_begun = bytes > 0;
            return Ok(());
        }
        self.bytes += bytes;
        self.awaited += awaited;
        if self.awaited < over {
            return Ok(());
        }
        let least = (LEAST_RATE as f64 * self.awaited.as_secs_f64()) as u64;
        if self.bytes < least {
            let why = format!("less than {LEAST_RATE} bytes a second arrived");
            return Err(io::Error::other(why));
        }
        (self.bytes, self.awaited) = (0, Duration::ZERO);
        Ok(())
    }
}
