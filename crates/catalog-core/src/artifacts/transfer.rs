use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::copy::{Mover, copy_and_hash};
use super::given_file::{look_at, regular_file};
use super::manifest_file::Sharing;
use super::staging::{Freshness, Staging};
use crate::digest::FileContent;
use crate::error::{CatalogError, Result};
use crate::progress::Progress;
use crate::root::{FileStamp, FoundFile, LastLink, Reflink, clone_file, resolve};

/// The way in which an import transfers the bytes of local files into the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Import {
    /// A reflink if the file system supports it, otherwise a copy.
    #[default]
    Auto,
    /// A reflink: the files share their bytes until one of them changes, and take no extra space.
    /// It is an error if the file system does not support reflinks.
    Reflink,
    /// A hard link to the original file. It takes no extra space, but a change of the original also
    /// changes the model. The original keeps its permissions.
    HardLink,
    /// A second copy of the bytes. Long runs of zeros become holes.
    Copy,
}

/// Returns the mover that keeps the holes of a file.
pub(super) fn mover_for(file: &FoundFile) -> Mover {
    match file.stamp.allocated() >= file.stamp.size() {
        true => Mover::Kernel,
        false => Mover::Process,
    }
}

impl Staging {
    /// Copies a regular file of this host into the staging area under a relative name, and hashes
    /// the copy in the same pass. Returns its size in bytes. An error of `progress` stops the copy.
    ///
    /// # Errors
    ///
    /// [`CatalogError::ArtifactMissing`] if the source does not exist,
    /// [`CatalogError::ArtifactUnusable`] if it is not a regular file,
    /// [`CatalogError::ArtifactChanged`] if it changes during the copy, and the errors of
    /// [`create`](Self::create).
    pub fn copy_from(
        &mut self,
        source: &Path,
        name: &str,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<u64> {
        let file = regular_file(source, name, &look_at(source)?)?;
        let size = file.stamp.size();
        let mut done = 0;
        self.copy_in(&file, mover_for(&file), &mut |read| {
            done += read;
            progress(Progress::of(done, size))
        })?;
        Ok(size)
    }

    /// Links or clones the files in order, and returns the linked or cloned files. For
    /// [`Import::Auto`], it stops at the first file that cannot be cloned.
    pub(super) fn link_all(&mut self, files: &[FoundFile], how: Import) -> Result<Vec<FoundFile>> {
        let mut linked = Vec::new();
        if how == Import::Copy {
            return Ok(linked);
        }
        for file in files {
            let path = self.path_for(&file.name)?;
            let metadata = match how {
                Import::HardLink => {
                    // The link goes to the target of a symbolic link, because the store holds no
                    // symbolic links.
                    let source = resolve(&file.path, LastLink::Follow)?;
                    fs::hard_link(&source, &path)
                        .map_err(|error| CatalogError::io("link to", &path, error))?;
                    fs::symlink_metadata(&path)
                }
                _ => {
                    let source = File::open(&file.path)
                        .map_err(|error| CatalogError::io("open", &file.path, error))?;
                    let target = self.create_empty(&file.name)?;
                    let cloned = clone_file(&source, &target)
                        .map_err(|error| CatalogError::io("clone to", &path, error))?;
                    match (cloned, how) {
                        (Reflink::Done, _) => target.metadata(),
                        (Reflink::Unsupported, Import::Reflink) => {
                            let error = io::Error::new(
                                io::ErrorKind::Unsupported,
                                "the source and the store cannot share extents",
                            );
                            return Err(CatalogError::io("clone to", &path, error));
                        }
                        (Reflink::Unsupported, _) => {
                            fs::remove_file(&path)
                                .map_err(|error| CatalogError::io("remove", &path, error))?;
                            return Ok(linked);
                        }
                    }
                }
            };
            let metadata = metadata.map_err(|error| CatalogError::io("look at", &path, error))?;
            let stamp = FileStamp::of(&metadata);
            self.written = self.written.saturating_add(stamp.allocated());
            linked.push(FoundFile {
                name: file.name.clone(),
                stamp,
                path,
            });
        }
        Ok(linked)
    }

    pub(super) fn copy_in(
        &mut self,
        file: &FoundFile,
        mover: Mover,
        advance: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<()> {
        let path = self.path_for(&file.name)?;
        let target = self.create_empty(&file.name)?;
        let copied = copy_and_hash(&file.path, &target, &path, mover, &mut |step| {
            // A source with holes can take more space in the store.
            self.note_written(step.written)?;
            advance(step.read)
        })?;
        if copied.size != file.stamp.size() {
            return Err(CatalogError::ArtifactChanged {
                path: file.path.clone(),
            });
        }
        let content = FileContent {
            name: file.name.clone(),
            size: copied.size,
            sha256: copied.sha256,
        };
        self.note(&path, content, Sharing::Nothing, Freshness::Settled)
    }
}
