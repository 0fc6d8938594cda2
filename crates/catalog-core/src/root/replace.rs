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

/// A time longer than the clock tick of each file system that has inodes.
const CLOCK_TICK: Duration = Duration::from_millis(12);

/// The new content of a file, which is durable under a temporary name beside the file.
///
/// [`publish`](Self::publish) replaces the file, and [`Published::finish`] makes that durable.
/// After a crash at any point, the target is a complete file, either the old or the new one. If
/// there was a previous generation, a complete older file is at `previous`. A crash can leave
/// temporary files.
#[derive(Debug)]
#[must_use]
pub(crate) struct Replacement<'t> {
    target: &'t Path,
    source: PathBuf,
    origin: Origin,
    file: File,
}

/// The file to which the new content was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// A new file.
    Fresh,
    /// The spare file, because the disk is full.
    Spare,
    /// No temporary file any longer: the content was published.
    Published,
}

impl<'t> Replacement<'t> {
    /// Writes and syncs the new content. On a full disk, it overwrites the spare file of the root,
    /// if the spare file is large enough.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Io`] if the content cannot be written, [`CatalogError::OutcomeUnknown`] if a
    /// sync failed. The sync is not repeated: after a failed sync, the kernel may report success
    /// for data that it has dropped.
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
            // A reader may have seen this inode with other content, so its times must differ.
            thread::sleep(CLOCK_TICK);
        }
        Ok(replacement)
    }

    /// Replaces the file at the target with the new content. Nothing changes that file afterwards.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Io`] if the file was not replaced, [`CatalogError::OutcomeUnknown`] if a
    /// rename or an exchange failed and the state is not known.
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
            // In this case no name was exchanged.
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
            // If this fails, the next writer removes the file.
            drop(fs::remove_file(&self.source));
        }
    }
}

/// A file that is at its final path, but not durable there yet.
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
            // The older generation becomes the spare file, because the disk has no space for
            // another one.
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

/// Creates a file and syncs its content. Replaces any file with the same name. The name is not
/// durable yet.
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

/// Creates a file like [`create_whole`], but never replaces another file.
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

/// Removes the temporary files of writers that died. Only the holder of the index lock may call
/// this, because only the holder has temporary files.
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
            // If this fails, the leftover disturbs no call.
            drop(match kind.is_dir() {
                true => fs::remove_dir(&path),
                false => fs::remove_file(&path),
            });
        }
    }
    Ok(())
}

/// Writes a new file. First removes a file of the same name that a dead writer left.
fn write_fresh(layout: &Layout, path: &Path, bytes: &[u8]) -> io::Result<File> {
    let mut file = match create_file(layout, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(path)?;
            create_file(layout, path)?
        }
        created => created?,
    };
    // This file may become the spare file later.
    write_over_in_place(&file);
    file.write_all(bytes)?;
    Ok(file)
}

/// Overwrites the existing blocks of a file. Returns `None` if the file does not exist, is too
/// small, or has a second name.
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
