use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// The maximum number of bytes that are kept of the output of a child. The end of the output is
/// kept, because it states why the child failed.
const MAX_OUTPUT: usize = 16 << 20;

/// The number of bytes that are read at once.
const CHUNK: usize = 64 << 10;

/// The time to wait for the end of an output after the child has ended. A process that left the
/// process group of the child can hold the output open for ever.
const PATIENCE: Duration = Duration::from_secs(1);

/// The output of a child. It is read while the child runs, and its end is kept in memory.
#[derive(Debug)]
pub(super) struct Output {
    last: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Output {
    /// Starts a thread that reads a pipe to its end.
    pub(super) fn of(pipe: impl Read + Send + 'static) -> io::Result<Self> {
        let last = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&last);
        let reader = thread::Builder::new().spawn(move || read_all(pipe, &kept))?;
        Ok(Self { last, reader })
    }

    /// Returns the end of the output.
    pub(super) fn into_text(self) -> String {
        let begin = Instant::now();
        while !self.reader.is_finished() && begin.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(1));
        }
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = last.len().saturating_sub(MAX_OUTPUT);
        String::from_utf8_lossy(&last[begin..]).into_owned()
    }
}

fn read_all(mut pipe: impl Read, kept: &Mutex<Vec<u8>>) {
    let mut chunk = vec![0; CHUNK];
    loop {
        match pipe.read(&mut chunk) {
            Ok(0) => return,
            Ok(len) => {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.extend_from_slice(&chunk[..len]);
                // The surplus is removed seldom, because each removal moves all other bytes.
                if kept.len() > MAX_OUTPUT + MAX_OUTPUT / 4 {
                    let surplus = kept.len() - MAX_OUTPUT;
                    kept.drain(..surplus);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// PROV-433
    #[test]
    fn of_an_endless_output_the_end_is_kept() {
        let endless = io::repeat(b'x').take(3 * MAX_OUTPUT as u64);
        let output = Output::of(endless.chain(&b"the end"[..])).unwrap();
        while !output.reader.is_finished() {
            thread::yield_now();
        }
        let text = output.into_text();
        assert_eq!(text.len(), MAX_OUTPUT);
        assert!(text.ends_with("xthe end"));
    }
}
