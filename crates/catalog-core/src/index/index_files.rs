use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::format::empty_file;
use super::record::Record;
use super::shared::shared_by_handles;
use crate::error::{CatalogError, Result};
use crate::root::{
    FileStamp, IndexFile, StoreRoot, WriterLock, create_new_whole, create_own_folder, create_whole,
    is_absence, is_at, is_there, list_folder, open_own_file, remove_temporary_files, sync_folder,
};

/// Creates the three index files of a root before any other write to the root. Empty indexes, each
/// with a previous generation, are durable before the first change and before the first staged
/// byte. From then on, a missing index file is damage.
#[derive(Debug)]
pub(crate) struct IndexFiles {
    root: StoreRoot,
    /// The indexes in the order of their creation. The index of models is the last one: its version
    /// shows that the others must exist.
    empty: [(IndexFile, Vec<u8>); 3],
    /// Whether this handle has done all work that precedes its first write.
    are_ensured: AtomicBool,
    /// Whether this handle has seen all index files with durable names.
    are_durable: AtomicBool,
    /// Whether any handle of this process has synced the names of all index files.
    are_synced: Arc<AtomicBool>,
}

/// The reason why an index file does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Absence {
    /// The index was never created.
    Empty,
    /// The index was lost. The text states the evidence.
    Lost(&'static str),
}

impl IndexFiles {
    pub(crate) fn new<M: Record, E: Record, P: Record>(root: StoreRoot) -> Self {
        let folder = root.path().to_path_buf();
        Self {
            are_synced: shared_by_handles(&root, folder, None, AtomicBool::default),
            root,
            empty: [
                (E::FILE, empty_file::<E>()),
                (P::FILE, empty_file::<P>()),
                (M::FILE, empty_file::<M>()),
            ],
            are_ensured: AtomicBool::new(false),
            are_durable: AtomicBool::new(false),
        }
    }

    pub(super) fn root(&self) -> &StoreRoot {
        &self.root
    }

    /// Returns true if bytes can be staged, because all index files exist with durable names. The
    /// work before the first write is left to that write.
    pub(crate) fn are_durable(&self) -> Result<bool> {
        if self.are_ensured() || self.are_durable.load(Ordering::Acquire) {
            return Ok(true);
        }
        if !self.are_synced.load(Ordering::Acquire) || !self.are_there()? {
            return Ok(false);
        }
        self.are_durable.store(true, Ordering::Release);
        Ok(true)
    }

    fn are_there(&self) -> Result<bool> {
        for (file, _) in &self.empty {
            if !self.has_generations(*file)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn are_ensured(&self) -> bool {
        self.are_ensured.load(Ordering::Acquire)
    }

    /// Returns true if an index and its previous generation are two regular files.
    fn has_generations(&self, file: IndexFile) -> Result<bool> {
        let layout = self.root.layout();
        let stamp = |path: PathBuf| match fs::symlink_metadata(&path) {
            Ok(metadata) => Ok(metadata.is_file().then(|| FileStamp::of(&metadata))),
            Err(error) if is_absence(&error) => Ok(None),
            Err(error) => Err(CatalogError::io("look at", path, error)),
        };
        let both = (
            stamp(layout.index(file))?,
            stamp(layout.previous_index(file))?,
        );
        Ok(match both {
            (Some(index), Some(previous)) => !index.is_same_file(&previous),
            _ => false,
        })
    }

    /// Removes the temporary files of writers that died, and creates the index files that the root
    /// never had. A lost index file is not created: the calls that read it return an error.
    pub(crate) fn ensure(&self, _: &WriterLock) -> Result<()> {
        if self.are_ensured() {
            return Ok(());
        }
        let layout = self.root.layout();
        remove_temporary_files(layout).map_err(CatalogError::of_writing)?;
        self.root.sync_own_name()?;
        let mut created = Vec::new();
        for (file, bytes) in &self.empty {
            let path = layout.index(*file);
            if is_there(&path)? || self.absence(*file)? != Absence::Empty {
                continue;
            }
            if *file == IndexFile::Models {
                // The version of this index says that the others exist. That must also be true
                // after a crash.
                self.sync()?;
            }
            create_new_whole(layout, &path, bytes).map_err(CatalogError::of_writing)?;
            created.push(*file);
        }
        if !created.is_empty() {
            self.sync()?;
        }
        // A deletion needs this folder, and by then the disk may be full.
        create_own_folder(layout, &layout.removed())?;
        let mut are_added = false;
        for (file, _) in &self.empty {
            are_added |= self.add_previous(*file)?;
        }
        if are_added {
            self.sync()?;
        }
        self.are_synced.store(true, Ordering::Release);
        self.are_ensured.store(true, Ordering::Release);
        Ok(())
    }

    /// Copies an index to its previous generation, unless it has one.
    fn add_previous(&self, file: IndexFile) -> Result<bool> {
        let layout = self.root.layout();
        let (path, previous) = (layout.index(file), layout.previous_index(file));
        let Some(mut opened) = open_own_file(&path, fs::OpenOptions::new().read(true))? else {
            return Ok(false);
        };
        // A crash of the first edition may have left both names as links to one file.
        let older = open_own_file(&previous, fs::OpenOptions::new().read(true))?;
        if older.is_some() && !is_at(&opened, &previous)? {
            return Ok(false);
        }
        let mut bytes = Vec::new();
        opened
            .read_to_end(&mut bytes)
            .map_err(|error| CatalogError::io("read", &path, error))?;
        create_whole(layout, &previous, &bytes).map_err(CatalogError::of_writing)?;
        Ok(true)
    }

    fn sync(&self) -> Result<()> {
        let folder = self.root.path();
        sync_folder(folder).map_err(|error| CatalogError::OutcomeUnknown {
            path: self.root.layout().index(IndexFile::Models),
            action: "syncing its folder",
            source: error,
        })
    }

    /// Decides whether a missing index was lost or never existed.
    pub(super) fn absence(&self, file: IndexFile) -> Result<Absence> {
        let layout = self.root.layout();
        let has_previous = |file| is_there(&layout.previous_index(file));
        if has_previous(file)? {
            return Ok(Absence::Lost(
                "it is missing, but its previous generation exists",
            ));
        }
        if file != IndexFile::Models {
            return Ok(
                match self.is_of_this_edition(&layout.index(IndexFile::Models))? {
                    true => Absence::Lost("it is missing, but index.json shows that it existed"),
                    false => Absence::Empty,
                },
            );
        }
        for folder in [layout.artifacts(), layout.blobs()] {
            if !list_folder(&folder)?.is_empty() {
                return Ok(Absence::Lost("it is missing, but artifacts or blobs exist"));
            }
        }
        let engines = layout.previous_index(IndexFile::Engines);
        if has_previous(IndexFile::Pins)? || self.is_of_this_edition(&engines)? {
            return Ok(Absence::Lost(
                "it is missing, but previous generations of other indexes exist",
            ));
        }
        Ok(Absence::Empty)
    }

    /// Returns true if the first bytes of a file are those of an index of version 2 or newer.
    fn is_of_this_edition(&self, path: &Path) -> Result<bool> {
        const VERSION: &[u8] = b"{\"version\":";
        let Some(file) = open_own_file(path, fs::OpenOptions::new().read(true))? else {
            return Ok(false);
        };
        let mut begin = Vec::new();
        file.take(VERSION.len() as u64 + 20)
            .read_to_end(&mut begin)
            .map_err(|error| CatalogError::io("read", path, error))?;
        let digits = begin.strip_prefix(VERSION).unwrap_or_default();
        let digits = digits.split(|byte| !byte.is_ascii_digit()).next();
        let version = str::from_utf8(digits.unwrap_or_default()).unwrap_or_default();
        Ok(version.parse::<u64>().is_ok_and(|version| version >= 2))
    }
}
