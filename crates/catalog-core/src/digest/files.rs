use crate::progress::Progress;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;

use sha2::{Digest as _, Sha256};

use super::read::read_whole;
use crate::error::{CatalogError, Result};
use crate::root::FoundFile;

/// The name, size and digest of one file of a folder or a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileContent {
    /// The name relative to the folder; its parts are joined by `/`.
    pub(crate) name: String,
    pub(crate) size: u64,
    pub(crate) sha256: [u8; 32],
}

/// The total number of bytes up to which a single thread hashes all files. Starting more threads
/// would take as long as the hashing.
const FEW: u64 = 1 << 20;

/// Hashes files on all processors, and returns their contents in the order of `files`. Stops when
/// `progress` returns an error, and returns that error.
pub(crate) fn hash_files(
    files: &[FoundFile],
    progress: &mut dyn FnMut(Progress) -> Result<()>,
) -> Result<Vec<FileContent>> {
    let total = files
        .iter()
        .fold(0_u64, |total, file| total.saturating_add(file.stamp.size()));
    if files.len() == 1 || total <= FEW {
        let mut done = 0;
        let mut hashed = |bytes| {
            done += bytes;
            progress(Progress::of(done, total))
        };
        return files
            .iter()
            .map(|file| hash_one(file, &mut hashed))
            .collect();
    }
    let (next, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let processors = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let (sender, read) = channel();
        let mut workers = Vec::new();
        for number in 0..processors.min(files.len()) {
            let sender = sender.clone();
            let work = || hash_some(files, &next, &is_over, sender);
            match thread::Builder::new().spawn_scoped(scope, work) {
                Ok(worker) => workers.push(worker),
                // One worker is enough, so a failure to start another one is ignored.
                Err(_) if number > 0 => break,
                Err(error) => return Err(CatalogError::io("hash", &files[0].path, error)),
            }
        }
        drop(sender);
        let mut done = 0;
        for bytes in read {
            done += bytes;
            // An error drops the receiver. The workers notice that at their next send, and end.
            progress(Progress::of(done, total))?;
        }
        let mut contents = Vec::with_capacity(files.len());
        for worker in workers {
            match worker.join() {
                Ok(part) => contents.extend(part?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        contents.sort_unstable_by_key(|(number, _)| *number);
        Ok(contents.into_iter().map(|(_, content)| content).collect())
    })
}

/// Hashes files in one worker thread: takes the next file until no file is left, or until a file
/// fails.
fn hash_some(
    files: &[FoundFile],
    next: &AtomicUsize,
    is_over: &AtomicBool,
    progress: Sender<u64>,
) -> Result<Vec<(usize, FileContent)>> {
    let mut contents = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let Some(file) = files.get(number) else {
            break;
        };
        // The send fails if the receiver is gone. Then the call has failed already, and the worker
        // ends.
        let mut tell = |bytes| {
            let told = progress.send(bytes);
            let unheard =
                |_| CatalogError::io("read", &file.path, io::ErrorKind::Interrupted.into());
            told.map_err(unheard)
        };
        match hash_one(file, &mut tell) {
            Ok(content) => contents.push((number, content)),
            Err(error) => {
                is_over.store(true, Ordering::Relaxed);
                return Err(error);
            }
        }
    }
    Ok(contents)
}

/// Hashes one file. Calls `hashed` with the number of bytes of each step. An error of `hashed`
/// stops the work.
fn hash_one(file: &FoundFile, hashed: &mut dyn FnMut(u64) -> Result<()>) -> Result<FileContent> {
    let mut content = Sha256::new();
    let size = read_whole(&file.path, &mut |bytes, _| {
        content.update(bytes);
        hashed(bytes.len() as u64)
    })?;
    if size != file.stamp.size() {
        return Err(CatalogError::ArtifactChanged {
            path: file.path.clone(),
        });
    }
    Ok(FileContent {
        name: file.name.clone(),
        size,
        sha256: content.finalize().into(),
    })
}
