use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use catalog_core::{
    Basis, CatalogError, EntryPoint, Expectation, FetchTask, Fetched, Hasher, ModelFetcher,
    ModelRef, Progress, ResolvedModel, Result, Staging,
};

/// The name of the file that it brings.
const NAME: &str = "toy.bin";

/// Brings one file of known bytes for any reference to the hub, and writes down what it does.
#[derive(Debug, Clone)]
pub struct ToyFetcher {
    content: Vec<u8>,
    log: Option<PathBuf>,
    pause: Duration,
    audience: Audience,
    /// Whether a later process continues the file, as with the fetchers of the network.
    is_resumable: bool,
}

/// The accounts that can read what a fetcher brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Audience {
    /// Those that the store lets read it.
    OfTheStore,
    /// Only the account of the fetcher: it makes a folder and a file by itself.
    Itself,
}

impl ToyFetcher {
    /// Brings these bytes.
    pub fn of(content: &[u8]) -> Self {
        Self {
            content: content.to_vec(),
            log: None,
            pause: Duration::ZERO,
            audience: Audience::OfTheStore,
            is_resumable: false,
        }
    }

    /// Brings the bytes in two parts, each durable before the next one, so that a later process can continue.
    #[must_use]
    pub fn resumable(mut self) -> Self {
        self.is_resumable = true;
        self
    }

    fn stage_in_parts(&self, staging: &mut Staging) -> Result<()> {
        let mut file = staging.resumable(NAME, "the only version")?;
        if !file.read_kept(&mut |_| Ok(()))? {
            file.discard()?;
            staging.ignore_earlier_bytes();
            return self.stage_in_parts(staging);
        }
        let half = self.content.len() / 2;
        for end in [half, self.content.len()] {
            let begin = file.hashed() as usize;
            if begin < end {
                file.writer()
                    .write_at(&self.content[begin..end], begin as u64)?;
                file.hash(&self.content[begin..end]);
                file.writer().keep(file.prefix())?;
            }
        }
        staging.complete(file).map(drop)
    }

    /// Brings the bytes in a folder that only its account may enter, with modes that it sets itself.
    #[must_use]
    pub fn for_itself(mut self) -> Self {
        self.audience = Audience::Itself;
        self
    }

    fn stage_for_itself(&self, staging: &Staging) -> io::Result<()> {
        let folder = staging.folder().join("private");
        fs::DirBuilder::new().mode(0o700).create(&folder)?;
        let mut options = OpenOptions::new();
        let options = options.write(true).create_new(true).mode(0o600);
        options.open(folder.join(NAME))?.write_all(&self.content)
    }

    /// Adds a line to this file when a fetch begins and when it ends: the word, and the process.
    #[must_use]
    pub fn logging_to(mut self, log: &Path) -> Self {
        self.log = Some(log.to_path_buf());
        self
    }

    /// Rests between sixteenths of the bytes. Without a rest it writes all bytes at once.
    #[must_use]
    pub fn resting(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    fn fetched(&self) -> Fetched {
        let mut hash = Hasher::new();
        hash.update(&self.content);
        let mut expectation = Expectation::default();
        expectation.files.insert(NAME.to_owned(), hash.finish());
        expectation.entry_point = EntryPoint::File(NAME.to_owned());
        let mut fetched = Fetched::new(expectation);
        fetched.basis = Basis::SourceHash;
        fetched
    }

    fn note(&self, word: &str) {
        if let Some(log) = &self.log {
            let file = OpenOptions::new().append(true).create(true).open(log);
            let line = format!("{word} {}\n", std::process::id());
            let noted = file.and_then(|mut file| file.write_all(line.as_bytes()));
            noted.expect("the log can be written");
        }
    }
}

/// What the log of a fetcher says: the words and the processes.
pub fn log_of(path: &Path) -> Vec<(String, u32)> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines = text.lines().filter_map(|line| {
        let (word, process) = line.split_once(' ')?;
        Some((word.to_owned(), process.parse().ok()?))
    });
    lines.collect()
}

impl ModelFetcher for ToyFetcher {
    fn ensure_present(&self, mr: &ModelRef) -> Result<ResolvedModel> {
        Err(CatalogError::no_fetcher(mr, "have it stage the model"))
    }

    fn schemes(&self) -> Vec<&str> {
        vec!["hf"]
    }

    fn stage(
        &self,
        _: &FetchTask<'_>,
        staging: &mut Staging,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<Fetched> {
        let failed = |source| CatalogError::Io {
            action: "write",
            path: NAME.into(),
            source,
        };
        if self.audience == Audience::Itself {
            self.stage_for_itself(staging).map_err(failed)?;
            return Ok(Fetched::new(
                Expectation::default().entry_point(EntryPoint::Folder),
            ));
        }
        if self.is_resumable {
            self.stage_in_parts(staging)?;
            return Ok(self.fetched());
        }
        self.note("begin");
        let total = Some(self.content.len() as u64);
        let mut file = staging.create(NAME)?;
        let mut done = 0;
        let pieces = if self.pause.is_zero() { 1 } else { 16 };
        for piece in self
            .content
            .chunks(self.content.len().div_ceil(pieces).max(1))
        {
            file.write_all(piece).map_err(failed)?;
            done += piece.len() as u64;
            progress(Progress::new(done, total))?;
            if !self.pause.is_zero() {
                std::thread::sleep(self.pause);
            }
        }
        file.finish()?;
        self.note("end");
        Ok(self.fetched())
    }
}
