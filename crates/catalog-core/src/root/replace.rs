use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::folder::sync_folder;
use super::layout::{IndexFile, Layout};
use super::modes::create_file;
use super::native::write_over_in_place;
use super::own_file::open_own_file;
use super::rename::{Exchange, exchange, rename_to_free_name};
use super::walk::list_folder;
use crate::error::{CatalogError, Result};

/// Longer than the tick of every file system's clock that has inodes.
const CLOCK_TICK: Duration = Duration::from_millis(12);

/// The new content of a file, durable under a temporary name beside it.
///
/// [`publish`](Self::publish) puts it in the place of the file, [`Published::finish`] makes that
/// durable. A crash at any point leaves a complete file at the target, the old one or the new one.
/// It leaves a complete older one at `previous` if there was one, and at worst temporary files.
#[derive(Debug)]
#[must_use]
pub(crate) struct Replacement<'t> {
    target: &'t Path,
    source: PathBuf,
    origin: Origin,
    file: File,
}

/// The file in which the new content was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// A new file.
    Fresh,
    /// The spare, as the disk is full.
    Spare,
    /// No file any more: the content was published.
    Published,
}

impl<'t> Replacement<'t> {
    /// Writes and syncs new content. On a full disk the spare of the root is overwritten, if it has
    /// room.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Io`]; [`CatalogError::OutcomeUnknown`] for a sync that failed. It is not
    /// tried again: after a failed sync the kernel may report success for data that it has dropped.
    pub(crate) fn write(layout: &Layout, target: &'t Path, bytes: &[u8]) -> Result<Self> {
        let spare = layout.spare();
        let source = target.with_file_name(Layout::temporary_files(target).new);
        let (file, origin) = match write_fresh(layout, &source, bytes) {
            Ok(file) => (file, Origin::Fresh),
            Err(full) if is_full(&full) => {
                drop(fs::remove_file(&source));
                match overwrite(&spare, bytes)? {
                    Some(file) => (file, Origin::Spare),
                    None => return Err(CatalogError::io("write", &source, full)),
                }
            }
            Err(error) => {
                drop(fs::remove_file(&source));
                return Err(CatalogError::io("write", &source, error));
            }
        };
        let source = match origin {
            Origin::Spare => spare,
            Origin::Fresh | Origin::Published => source,
        };
        let replacement = Self {
            target,
            source,
            origin,
            file,
        };
        let synced = replacement.file.sync_all();
        synced.map_err(|error| unknown(target, "syncing the new file", error))?;
        if origin == Origin::Spare {
            // A reader may have seen this inode with other content: its times have to differ.
            thread::sleep(CLOCK_TICK);
        }
        Ok(replacement)
    }

    /// Puts the new content in the place of the file at the target. Nothing touches that file
    /// afterwards.
    ///
    /// # Errors
    ///
    /// [`CatalogError::OutcomeUnknown`] if a rename, an exchange or a sync fails.
    pub(crate) fn publish(mut self, layout: &Layout, previous: &Path) -> Result<Published<'t>> {
        let failed = |error| unknown(self.target, "renaming the new file over it", error);
        let displaced = match exchange(&self.source, self.target) {
            Ok(Exchange::Done) => Some((self.source.clone(), self.origin)),
            Ok(Exchange::Unsupported) => {
                keep_copy(layout, self.target, previous)
                    .map_err(|error| CatalogError::io("keep the old file as", previous, error))?;
                fs::rename(&self.source, self.target).map_err(failed)?;
                None
            }
            // Nothing was exchanged.
            Err(error) if error.kind() == io::ErrorKind::NotFound || is_full(&error) => {
                return Err(CatalogError::io("replace", self.target, error));
            }
            Err(error) => return Err(failed(error)),
        };
        self.origin = Origin::Published;
        let metadata = self.file.metadata().map_err(failed)?;
        let file = self.file.try_clone().map_err(failed)?;
        Ok(Published {
            target: self.target,
            displaced,
            file,
            metadata,
        })
    }
}

impl Drop for Replacement<'_> {
    fn drop(&mut self) {
        if self.origin == Origin::Fresh {
            // Should this fail, the next writer removes it.
            drop(fs::remove_file(&self.source));
        }
    }
}

/// A file that is in its place, but not durable there yet.
#[derive(Debug)]
#[must_use]
pub(crate) struct Published<'t> {
    target: &'t Path,
    displaced: Option<(PathBuf, Origin)>,
    file: File,
    metadata: Metadata,
}

impl Published<'_> {
    /// Returns the file and its metadata.
    pub(crate) fn file(&self) -> io::Result<(File, &Metadata)> {
        Ok((self.file.try_clone()?, &self.metadata))
    }

    /// Keeps the old file at `previous`, and makes all names durable.
    ///
    /// # Errors
    ///
    /// [`CatalogError::OutcomeUnknown`] if a rename, an exchange or a sync fails.
    pub(crate) fn finish(self, previous: &Path) -> Result<()> {
        let failed = |action| move |error| unknown(self.target, action, error);
        match &self.displaced {
            None => {}
            // The generation before that one becomes the spare: the disk has room for no other.
            Some((old, Origin::Spare)) if previous.exists() => {
                exchange(old, previous)
                    .map(drop)
                    .map_err(failed("keeping the old file"))?;
            }
            Some((old, _)) => {
                fs::rename(old, previous).map_err(failed("keeping the old file"))?;
            }
        }
        let folder = self
            .target
            .parent()
            .expect("a file of the store has a parent");
        sync_folder(folder).map_err(failed("syncing its folder"))
    }
}

/// Creates a file, replaces any file of that name, and syncs its content. The name is not durable
/// yet.
pub(crate) fn create_whole(layout: &Layout, target: &Path, bytes: &[u8]) -> Result<()> {
    let source = target.with_file_name(Layout::temporary_files(target).new);
    let written = write_fresh(layout, &source, bytes)
        .and_then(|file| file.sync_all())
        .and_then(|()| fs::rename(&source, target));
    written.map_err(|error| {
        drop(fs::remove_file(&source));
        CatalogError::io("create", target, error)
    })
}

/// Creates a file as [`create_whole`] does, but never replaces another one.
pub(crate) fn create_new_whole(layout: &Layout, target: &Path, bytes: &[u8]) -> Result<()> {
    let source = target.with_file_name(Layout::temporary_files(target).new);
    let written = write_fresh(layout, &source, bytes)
        .and_then(|file| file.sync_all())
        .and_then(|()| rename_to_free_name(&source, target));
    written.map_err(|error| {
        drop(fs::remove_file(&source));
        CatalogError::io("create", target, error)
    })
}

/// Removes the temporary files of writers that died. Only the holder of the index lock may do this,
/// as only it has temporary files.
pub(crate) fn remove_temporary_files(layout: &Layout) -> Result<()> {
    for index in IndexFile::ALL {
        for target in [layout.index(index), layout.previous_index(index)] {
            let names = Layout::temporary_files(&target);
            for name in [names.new, names.old] {
                let path = target.with_file_name(name);
                match fs::remove_file(&path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        return Err(CatalogError::io("remove", path, error));
                    }
                    _ => {}
                }
            }
        }
    }
    for (path, kind) in list_folder(layout.root())? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if Layout::is_new(&name) {
            // In nobody's way, should this fail.
            drop(match kind.is_dir() {
                true => fs::remove_dir(&path),
                false => fs::remove_file(&path),
            });
        }
    }
    Ok(())
}

/// Writes a new file. First removes the file of that name that a dead writer left.
fn write_fresh(layout: &Layout, path: &Path, bytes: &[u8]) -> io::Result<File> {
    let mut file = match create_file(layout, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(path)?;
            create_file(layout, path)?
        }
        created => created?,
    };
    // It may be the spare one day.
    write_over_in_place(&file);
    file.write_all(bytes)?;
    Ok(file)
}

/// Overwrites the blocks that a file has already. Returns `None` if there is no such file, if it is too
/// small, or if it has a second name.
fn overwrite(path: &Path, bytes: &[u8]) -> Result<Option<File>> {
    let Some(mut file) = open_own_file(path, OpenOptions::new().read(true).write(true))? else {
        return Ok(None);
    };
    let failed = |error| CatalogError::io("write", path, error);
    let metadata = file.metadata().map_err(failed)?;
    if metadata.len() < bytes.len() as u64 || metadata.nlink() > 1 {
        return Ok(None);
    }
    file.write_all(bytes).map_err(failed)?;
    file.set_len(bytes.len() as u64).map_err(failed)?;
    Ok(Some(file))
}

/// Copies a file to `previous`, for file systems that cannot exchange two names.
fn keep_copy(layout: &Layout, target: &Path, previous: &Path) -> io::Result<()> {
    let copy = target.with_file_name(Layout::temporary_files(target).old);
    let mut bytes = Vec::new();
    File::open(target)?.read_to_end(&mut bytes)?;
    write_fresh(layout, &copy, &bytes)?.sync_all()?;
    fs::rename(&copy, previous)
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

fn unknown(target: &Path, action: &'static str, source: io::Error) -> CatalogError {
    CatalogError::OutcomeUnknown {
        path: target.to_path_buf(),
        action,
        source,
    }
}
