use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use crate::error::{CatalogError, Result};
use crate::progress::Progress;
use crate::root::FileStamp;

/// The number of bytes per read. The progress callback is called after each read.
const CHUNK: usize = 1 << 20;

/// Hashes one file, and returns the bytes of the hash.
pub(super) fn hash_file<H: sha2::Digest>(
    path: &Path,
    progress: &mut dyn FnMut(Progress) -> Result<()>,
) -> Result<Vec<u8>> {
    let mut hasher = H::new();
    let mut done = 0;
    read_whole(path, &mut |bytes, total| {
        hasher.update(bytes);
        done += bytes.len() as u64;
        progress(Progress::of(done, total))
    })?;
    Ok(hasher.finalize().to_vec())
}

/// Reads a file and passes its bytes and its total size to `take`, which is called at least once.
/// Stops at an error of `take`. Fails if another file took the path, or if the content changed,
/// while the file was read.
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
    // The path is checked, and not the open file: the bytes that were read must be those that are
    // at the path now.
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
