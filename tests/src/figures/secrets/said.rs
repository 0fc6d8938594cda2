use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// Where everything that is said goes.
#[derive(Clone)]
pub(super) struct Said(Arc<Mutex<fs::File>>);

impl Said {
    /// Makes a file, to which everything that is logged goes from now on.
    pub(super) fn log_to(path: &Path) -> Result<Self, String> {
        let file = fs::File::create(path).map_err(|error| error.to_string())?;
        let said = Self(Arc::new(Mutex::new(file)));
        let log = said.clone();
        tracing_subscriber::fmt()
            .with_writer(move || log.clone())
            .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
            .with_ansi(false)
            .init();
        Ok(said)
    }
}

impl Write for Said {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut file = self
            .0
            .lock()
            .map_err(|_| std::io::Error::other("a panic"))?;
        file.write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
