use crate::progress::Progress;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest as _, Sha256, Sha512};

use super::algorithm::DigestAlgorithm;
use super::value::Digest;
use crate::error::{CatalogError, Result};
use crate::root::FileStamp;

/// How much is read at once; the progress callback sees steps of this size.
const CHUNK: usize = 1 << 20;

/// A digest of bytes that arrive in pieces.
///
/// ```
/// use catalog_core::{DigestAlgorithm, Hasher};
///
/// let mut hasher = Hasher::new();
/// hasher.update(b"");
/// assert!(hasher.finish().to_string().starts_with("sha256:e3b0c442"));
/// ```
pub struct Hasher(State);

enum State {
    Sha256(Box<Sha256>),
    Sha512(Box<Sha512>),
}

impl Hasher {
    /// Begins a SHA-256, the digest that catalogs store.
    pub fn new() -> Self {
        Self(State::Sha256(Box::default()))
    }

    /// Begins a SHA-512.
    pub fn sha512() -> Self {
        Self(State::Sha512(Box::default()))
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::Sha256(state) => state.update(bytes),
            State::Sha512(state) => state.update(bytes),
        }
    }

    /// The digest of all bytes taken.
    pub fn finish(self) -> Digest {
        match self.0 {
            State::Sha256(state) => Digest::from_bytes(DigestAlgorithm::Sha256, &state.finalize()),
            State::Sha512(state) => Digest::from_bytes(DigestAlgorithm::Sha512, &state.finalize()),
        }
    }
}

impl Default for Hasher {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            State::Sha256(_) => "Hasher(sha256)",
            State::Sha512(_) => "Hasher(sha512)",
        })
    }
}

/// The SHA-256 of bytes in memory.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Hashes one file with a fresh hasher.
pub(super) fn hash_file(
    path: &Path,
    mut hasher: Hasher,
    progress: &mut dyn FnMut(Progress) -> Result<()>,
) -> Result<Digest> {
    let mut done = 0;
    read_whole(path, &mut |bytes, total| {
        hasher.update(bytes);
        done += bytes.len() as u64;
        progress(Progress::of(done, total))
    })?;
    Ok(hasher.finish())
}

/// Feeds a file's bytes and its size to `take`, at least once, until that fails; and fails if it
/// was not the same file of the same content from begin to end.
pub(super) fn read_whole(
    path: &Path,
    take: &mut dyn FnMut(&[u8], u64) -> Result<()>,
) -> Result<u64> {
    let failed = |error| CatalogError::io("read", path, error);
    let changed = || CatalogError::ArtifactChanged {
        path: path.to_path_buf(),
    };
    let mut file = File::open(path).map_err(|error| CatalogError::io("open", path, error))?;
    let before = file.metadata().map_err(failed)?;
    let total = before.len();
    let mut buffer = vec![0; CHUNK.min(total as usize + 1)];
    let mut done = 0;
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => {
                done += read as u64;
                if done > total {
                    return Err(changed());
                }
                take(&buffer[..read], total)?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
    }
    if total == 0 {
        take(&[], 0)?;
    }
    // By its path, as what was read must also be what is there now.
    let after = match fs::metadata(path) {
        Ok(after) => after,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(changed()),
        Err(error) => return Err(failed(error)),
    };
    if done != total || !FileStamp::of(&before).is_same_content(&FileStamp::of(&after)) {
        return Err(changed());
    }
    Ok(total)
}
