use std::fs::{self, FileType};
use std::io;
use std::path::{Path, PathBuf};

use super::host_clock::now_ms;
use super::layout::{IndexFile, Layout, StoreLock, is_sha256};
use super::listing::list;
use super::rename::rename_to_free_name;
use super::resolve::is_absence;
use crate::error::{CatalogError, Result};

/// A renamed file or folder. It was at a path where the store keeps another kind of file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeptAside {
    /// The path at which it was.
    pub from: PathBuf,
    /// The path at which it is now.
    pub path: PathBuf,
}

/// The kind that the store keeps at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    Folder,
}

impl Kind {
    fn is_of(self, found: FileType) -> bool {
        match self {
            Self::File => found.is_file(),
            Self::Folder => found.is_dir(),
        }
    }
}

/// Renames each link, pipe, socket, device, file or folder at a path where the store keeps another
/// kind. Follows and opens none of them. Returns the renamed ones.
///
/// This takes no lock, because the lock itself may be the foreign file. It is safe, because the
/// store never creates another kind at these paths.
pub(crate) fn keep_foreign_aside(layout: &Layout) -> Result<Vec<KeptAside>> {
    let mut aside = Vec::new();
    let mut keep = |path: PathBuf, kind| {
        aside.extend(keep_aside(layout, &path, kind)?);
        Ok::<_, CatalogError>(path)
    };
    for index in IndexFile::ALL {
        for path in [layout.index(index), layout.previous_index(index)] {
            let names = Layout::temporary_files(&path);
            keep(path.with_file_name(names.new), Kind::File)?;
            keep(path.with_file_name(names.old), Kind::File)?;
            keep(path, Kind::File)?;
        }
    }
    keep(layout.spare(), Kind::File)?;
    for folder in [layout.removed(), layout.locks(), layout.model_locks()] {
        keep(folder, Kind::Folder)?;
    }
    for folder in layout.own_folders() {
        keep(folder, Kind::Folder)?;
    }
    for lock in [StoreLock::Index, StoreLock::Artifacts] {
        keep(layout.lock(lock), Kind::File)?;
        keep(layout.waiting_lock(lock), Kind::File)?;
    }
    for lock in children(&layout.model_locks(), is_sha256)? {
        keep(lock, Kind::File)?;
    }
    for folder in children(&layout.blobs(), |name| name.len() == 2)? {
        for blob in children(&keep(folder, Kind::Folder)?, is_sha256)? {
            keep(blob, Kind::File)?;
        }
    }
    for artifact in children(&layout.artifacts(), is_sha256)? {
        keep(artifact, Kind::Folder)?;
    }
    Ok(aside)
}

/// Renames the file or folder at a path, if it is of another kind.
fn keep_aside(layout: &Layout, path: &Path, kind: Kind) -> Result<Option<KeptAside>> {
    let kind_at = |path: &Path| match fs::symlink_metadata(path) {
        Ok(found) => Ok(Some(found.file_type())),
        Err(error) if is_absence(&error) => Ok(None),
        Err(error) => Err(CatalogError::io("look at", path, error)),
    };
    if kind_at(path)?.is_none_or(|found| kind.is_of(found)) {
        return Ok(None);
    }
    let failed = |error| CatalogError::io("rename", path, error).of_writing();
    for unique in now_ms().. {
        let aside = layout.kept_aside(path, unique);
        match rename_to_free_name(path, &aside) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            // Another process renamed it first.
            Err(error) if is_absence(&error) => return Ok(None),
            Err(error) => return Err(failed(error)),
        }
        // Another process may have repaired the path between the check and the rename.
        if kind_at(&aside)?.is_some_and(|found| kind.is_of(found)) {
            rename_to_free_name(&aside, path).map_err(failed)?;
            return Ok(None);
        }
        return Ok(Some(KeptAside {
            from: path.to_path_buf(),
            path: aside,
        }));
    }
    Ok(None)
}

/// Returns the paths in a folder whose names the store gives. A missing folder has none.
fn children(folder: &Path, is_own: fn(&str) -> bool) -> Result<Vec<PathBuf>> {
    let entries = match list(folder) {
        Ok(entries) => entries.into_iter(),
        Err(error) if is_absence(&error) => return Ok(Vec::new()),
        Err(error) => return Err(CatalogError::io("read folder", folder, error)),
    };
    let own = entries.filter(|(name, _)| name.to_str().is_some_and(is_own));
    Ok(own.map(|(name, _)| folder.join(name)).collect())
}

/// Creates the error for a path where the store keeps a regular file, and something else is there.
pub(super) fn not_a_regular_file() -> io::Error {
    foreign(
        "it is a link, folder, pipe or device where the store keeps a regular file; remove it, or call \
         catalog_core::recover, which keeps it under another name",
    )
}

/// Creates the error for a path where the store keeps a folder, and something else is there.
pub(super) fn not_a_folder() -> io::Error {
    foreign(
        "it is a link or file where the store keeps a folder; remove it, or call catalog_core::recover, \
         which keeps it under another name",
    )
}

fn foreign(text: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, text)
}
