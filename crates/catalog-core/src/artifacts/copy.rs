use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use sha2::{Digest as _, Sha256};

use crate::disk::FileStamp;
use crate::error::{CatalogError, Result};

/// How much is read at once.
const CHUNK: usize = 1 << 20;

/// How many chunks are under way between reading and hashing.
const CHUNKS: usize = 4;

/// A chunk of zeros is not written: the file gets a hole there.
static ZEROS: [u8; CHUNK] = [0; CHUNK];

/// What was copied.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Copied {
    pub(super) size: u64,
    pub(super) sha256: [u8; 32],
}

/// Copies a file into an empty one and hashes it, in one pass: one thread reads and writes, another
/// hashes. Long runs of zeros become holes. `progress` gets the number of bytes of each step.
///
/// # Errors
///
/// [`CatalogError::ArtifactChanged`] for a source that is not the same file of the same content
/// from begin to end; what `progress` fails with, at once.
pub(super) fn copy_and_hash(
    source: &Path,
    target: &File,
    target_path: &Path,
    progress: &mut dyn FnMut(u64) -> Result<()>,
) -> Result<Copied> {
    let failed = |error| CatalogError::io("read", source, error);
    let mut file = File::open(source).map_err(|error| CatalogError::io("open", source, error))?;
    let before = FileStamp::of(&file.metadata().map_err(failed)?);
    let (size, sha256) = thread::scope(|scope| -> Result<_> {
        let (to_hasher, full) = sync_channel::<Vec<u8>>(CHUNKS);
        let (emptied, empty) = sync_channel::<Vec<u8>>(CHUNKS);
        let hasher = thread::Builder::new()
            .spawn_scoped(scope, || hash_chunks(full, emptied))
            .map_err(|error| CatalogError::io("hash", source, error))?;
        let size = transfer(
            &mut file,
            source,
            target,
            target_path,
            (to_hasher, empty),
            progress,
        )?;
        match hasher.join() {
            Ok(sha256) => Ok((size, sha256)),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })?;
    check_unchanged(source, &before, size)?;
    Ok(Copied { size, sha256 })
}

/// Fails unless the file at a path is the one that was read, with the content it had then.
pub(super) fn check_unchanged(source: &Path, before: &FileStamp, read: u64) -> Result<()> {
    let is_same = match std::fs::metadata(source) {
        Ok(after) => before.is_same_content(&FileStamp::of(&after)) && read == before.size(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => return Err(CatalogError::io("look at", source, error)),
    };
    if is_same {
        Ok(())
    } else {
        Err(CatalogError::ArtifactChanged {
            path: source.to_path_buf(),
        })
    }
}

fn hash_chunks(full: Receiver<Vec<u8>>, emptied: SyncSender<Vec<u8>>) -> [u8; 32] {
    let mut hash = Sha256::new();
    for chunk in full {
        hash.update(&chunk);
        // The other side is done once it has read everything.
        let _ = emptied.try_send(chunk);
    }
    hash.finalize().into()
}

/// Reads and writes all chunks and sends them on; gives the number of bytes.
fn transfer(
    file: &mut File,
    source: &Path,
    mut target: &File,
    target_path: &Path,
    (to_hasher, empty): (SyncSender<Vec<u8>>, Receiver<Vec<u8>>),
    progress: &mut dyn FnMut(u64) -> Result<()>,
) -> Result<u64> {
    let unwritten = |error| CatalogError::io("write", target_path, error);
    let mut size = 0;
    let mut made = 0;
    loop {
        let mut chunk = if made < CHUNKS {
            made += 1;
            Vec::with_capacity(CHUNK)
        } else {
            empty.recv().expect("the hasher gives back what it got")
        };
        chunk.clear();
        let read = (&mut *file)
            .take(CHUNK as u64)
            .read_to_end(&mut chunk)
            .map_err(|error| CatalogError::io("read", source, error))?;
        if read == 0 {
            // A hole at the end has no bytes that would make the file so long.
            target.set_len(size).map_err(unwritten)?;
            return Ok(size);
        }
        if chunk == ZEROS[..read] {
            target
                .seek(SeekFrom::Current(read as i64))
                .map_err(unwritten)?;
        } else {
            target.write_all(&chunk).map_err(unwritten)?;
        }
        size += read as u64;
        to_hasher
            .send(chunk)
            .expect("the hasher listens until nothing more can come");
        progress(read as u64)?;
    }
}
