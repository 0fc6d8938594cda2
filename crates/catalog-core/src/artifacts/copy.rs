use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use sha2::{Digest as _, Sha256};

use crate::error::{CatalogError, Result};
use crate::root::FileStamp;

/// The number of bytes that are copied in one step.
const STEP: usize = 1 << 20;
/// The maximum number of bytes that the hasher reads at once.
const READ: usize = 256 << 10;

/// The number of steps that the copy may be ahead of the hash. It is small, so that the bytes to
/// hash are still in memory.
const AHEAD: usize = 32;

/// The number of bytes after which a sync begins.
const SYNCED_AT_ONCE: u64 = 32 << 20;

static ZEROS: [u8; STEP] = [0; STEP];

/// The part of the system that copies the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mover {
    /// The kernel copies from file to file. It may share extents if the file system supports that.
    Kernel,
    /// This process copies. Long runs of zeros become holes.
    Process,
}

/// The byte counts of one step of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    /// The number of bytes that were read.
    pub(super) read: u64,
    /// The number of bytes that were written. It is less than `read` if some bytes became holes.
    pub(super) written: u64,
}

/// The result of a copy.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Copied {
    pub(super) size: u64,
    pub(super) sha256: [u8; 32],
}

/// Copies a file into an empty file, and hashes the copy in the same pass. One thread copies, a
/// second thread hashes the copy close behind it, and a third thread syncs the written bytes, so
/// that the final sync of a large file is short. Calls `progress` after each step.
///
/// # Errors
///
/// [`CatalogError::ArtifactChanged`] if the source changes during the copy, [`CatalogError::Io`] if
/// a file cannot be read or written, and the error that `progress` returns, which stops the copy at
/// once.
pub(super) fn copy_and_hash(
    source: &Path,
    target: &File,
    target_path: &Path,
    mover: Mover,
    progress: &mut dyn FnMut(Step) -> Result<()>,
) -> Result<Copied> {
    let unread = |error| CatalogError::io("read", source, error);
    let unwritten = |error| CatalogError::io("write", target_path, error);
    let mut file = File::open(source).map_err(|error| CatalogError::io("open", source, error))?;
    let before = FileStamp::of(&file.metadata().map_err(unread)?);
    let (size, sha256) = thread::scope(|scope| -> Result<_> {
        let (arrived, to_hash) = sync_channel::<u64>(AHEAD);
        let hasher = thread::Builder::new()
            .spawn_scoped(scope, || hash_behind(target, to_hash))
            .map_err(unread)?;
        let (written, to_sync) = sync_channel::<()>(1);
        let syncer = thread::Builder::new()
            .spawn_scoped(scope, || sync_along(target, to_sync))
            .map_err(unwritten)?;
        let (mut size, mut unsynced) = (0, 0);
        let mut buffer = Vec::new();
        let outcome = loop {
            let step = match mover {
                Mover::Kernel => move_by_kernel(&file, target),
                Mover::Process => move_by_process(&mut file, target, &mut buffer),
            };
            match step {
                Ok(Step { read: 0, .. }) => break Ok(()),
                Ok(step) => {
                    size += step.read;
                    unsynced += step.read;
                    // The send fails only if the hasher failed. The hasher returns its error at the
                    // end.
                    let _ = arrived.send(size);
                    if unsynced >= SYNCED_AT_ONCE {
                        unsynced = 0;
                        // The syncer is still busy with the previous part. Its next sync covers
                        // these bytes, too.
                        let _ = written.try_send(());
                    }
                    if let Err(stop) = progress(step) {
                        break Err(stop);
                    }
                    // The source grows during the copy, so the copy might never end.
                    if size > before.size() {
                        break Err(CatalogError::ArtifactChanged {
                            path: source.to_path_buf(),
                        });
                    }
                }
                // The kernel does not report which of the two files failed.
                Err(error) => break Err(unwritten(error)),
            }
        };
        drop((arrived, written));
        let (hashed, synced) = (join(hasher), join(syncer));
        outcome?;
        // The final sync does not report an error that an earlier sync reported.
        synced.map_err(|error| CatalogError::io("sync", target_path, error))?;
        let sha256 = hashed.map_err(|error| CatalogError::io("read", target_path, error))?;
        Ok((size, sha256))
    })?;
    check_unchanged(source, &before, size)?;
    Ok(Copied { size, sha256 })
}

/// Fails unless the file at `source` is the file that was read and its content is unchanged.
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

/// Copies the next bytes. The step has 0 bytes at the end of the file.
fn move_by_kernel(file: &File, mut target: &File) -> io::Result<Step> {
    let read = io::copy(&mut file.take(STEP as u64), &mut target)?;
    let written = read;
    Ok(Step { read, written })
}

fn move_by_process(file: &mut File, mut target: &File, buffer: &mut Vec<u8>) -> io::Result<Step> {
    buffer.resize(STEP, 0);
    let mut read = 0;
    while read < STEP {
        match file.read(&mut buffer[read..]) {
            Ok(0) => break,
            Ok(some) => read += some,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let is_hole = buffer[..read] == ZEROS[..read];
    if is_hole {
        let end = target.seek(SeekFrom::Current(read as i64))?;
        target.set_len(end)?;
    } else {
        target.write_all(&buffer[..read])?;
    }
    let read = read as u64;
    let written = if is_hole { 0 } else { read };
    Ok(Step { read, written })
}

/// Hashes a file up to each position that it receives, until the channel closes.
fn hash_behind(target: &File, ends: Receiver<u64>) -> io::Result<[u8; 32]> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; READ];
    let mut done = 0;
    for end in ends {
        while done < end {
            let most = READ.min((end - done) as usize);
            match target.read_at(&mut buffer[..most], done) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => {
                    hash.update(&buffer[..read]);
                    done += read as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(hash.finalize().into())
}

/// Syncs a file each time it receives a message, until the channel closes.
fn sync_along(target: &File, written: Receiver<()>) -> io::Result<()> {
    written.into_iter().try_for_each(|()| target.sync_data())
}

fn join<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    match thread.join() {
        Ok(answer) => answer,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}
