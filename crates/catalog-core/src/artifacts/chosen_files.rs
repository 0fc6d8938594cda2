use std::collections::BTreeMap;
use std::path::Path;

use super::expectation::Expectation;
use crate::digest::{Digest, counted_by_first_edition, is_of_a_model};
use crate::error::Result;
use crate::progress::Progress;
use crate::root::{MAX_DEPTH, list_folder, remove_artifact};

/// The rule that selects the files of a folder for an artifact.
pub(super) enum ChosenFiles<'e> {
    /// The files that are part of a model, and the files that are expected by name. An earlier
    /// release may have published the latter.
    OfTheModel(&'e BTreeMap<String, Digest>),
    /// All files that the first edition counted, because the expected digest follows its rules.
    OfFirstEdition,
}

impl<'e> ChosenFiles<'e> {
    /// Selects the files of a folder that should match `expected`.
    ///
    /// # Errors
    ///
    /// [`ArtifactChanged`](crate::CatalogError::ArtifactChanged) if the folder changes while it is
    /// hashed, and the error that `progress` returns.
    pub(super) fn of(
        folder: &Path,
        expected: &'e Expectation,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<Self> {
        let digest = expected.digest.as_ref().map(Digest::canonical);
        let is_of_first_edition = match digest {
            Some(Ok(digest)) => digest.is_of_first_edition(folder, progress)?,
            _ => false,
        };
        Ok(match is_of_first_edition {
            true => Self::OfFirstEdition,
            false => Self::OfTheModel(&expected.files),
        })
    }

    /// Returns true for the relative name of a selected file, and of a folder that can hold such a
    /// file.
    pub(super) fn has(&self, name: &str) -> bool {
        match self {
            Self::OfFirstEdition => counted_by_first_edition(name),
            Self::OfTheModel(expected) => {
                is_of_a_model(name)
                    || expected
                        .keys()
                        .any(|file| Path::new(file).starts_with(name))
            }
        }
    }

    /// Removes all other files and folders below a staging area.
    pub(super) fn remove_others(&self, folder: &Path) -> Result<()> {
        let mut folders = vec![(folder.to_path_buf(), 0)];
        while let Some((inner, depth)) = folders.pop() {
            for (path, kind) in list_folder(&inner)? {
                let name = path.strip_prefix(folder).ok().and_then(Path::to_str);
                if name.is_some_and(|name| !self.has(name)) {
                    remove_artifact(&path)?;
                } else if kind.is_dir() && depth < MAX_DEPTH {
                    folders.push((path, depth + 1));
                }
            }
        }
        Ok(())
    }
}
