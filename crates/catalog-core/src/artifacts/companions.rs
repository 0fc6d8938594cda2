use std::path::PathBuf;

use super::local::{LocalModel, LocalModelKind};
use super::shard_files::folder_of;
use crate::digest::is_of_a_model;
use crate::error::{CatalogError, Result};
use crate::root::{FileStamp, FoundFile, list_folder};

/// The word in the name of a projector. A projector is the companion of a model that reads images
/// or sound.
const PROJECTOR: &str = "mmproj";

/// The generic name of a model, which does not identify it.
const GENERIC: &str = "model";

/// The parts of names that state the type of the numbers, in addition to those of quantisations.
const TYPES: [&str; 4] = ["f16", "bf16", "fp16", "f32"];

impl LocalModel {
    /// Returns the companions of a model of `.gguf` files: the projectors (`mmproj`) in its folder.
    /// They are not part of the model or of its digest. An import copies them, too.
    ///
    /// A projector belongs to the only model of its folder. If the folder has several models, the
    /// name of the projector without `mmproj` and the type decides: the projector belongs to the
    /// models whose names begin with the rest, as in `mmproj-gemma-3-4b-f16.gguf` and
    /// `gemma-3-4b-Q4_K_M.gguf`. If nothing is left of the name, the projector belongs to all
    /// models of the folder, provided that their names begin with the same part.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Io`](crate::CatalogError::Io) if the folder cannot be listed.
    pub fn companions(&self) -> Result<Vec<PathBuf>> {
        let found = self.find_companions()?.into_iter();
        Ok(found.map(|file| file.path).collect())
    }

    pub(super) fn find_companions(&self) -> Result<Vec<FoundFile>> {
        let own: Vec<&str> = self.files().iter().map(|file| file.name.as_str()).collect();
        let Some(first) = own.first().filter(|name| {
            self.kind() != LocalModelKind::Folder && is_gguf(name) && !is_projector(name)
        }) else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        let mut models = Vec::new();
        let listed = match list_folder(folder_of(self.path())) {
            // A model in a folder that cannot be listed is still usable.
            Err(CatalogError::PermissionDenied { .. }) => Vec::new(),
            listed => listed?,
        };
        for (path, kind) in listed {
            let name = path.file_name().and_then(|name| name.to_str());
            let is_candidate = |name: &&str| !kind.is_dir() && is_gguf(name) && is_of_a_model(name);
            let Some(name) = name.filter(is_candidate) else {
                continue;
            };
            match is_projector(name) {
                true => found.push((name.to_owned(), path)),
                false if own.contains(&name) => {}
                false => models.push(name.to_owned()),
            }
        }
        let is_alone = models.is_empty();
        let begins_alike = models
            .iter()
            .all(|other| parts(other).first() == parts(first).first());
        let belongs = |projector: &str| {
            let base = base(projector);
            is_alone
                || (base.is_empty() && begins_alike)
                || (!base.is_empty() && parts(first).starts_with(&base))
        };
        let mut companions = Vec::new();
        for (name, path) in found.into_iter().filter(|(name, _)| belongs(name)) {
            // A link that leads nowhere, a pipe or a folder is not a companion.
            if let Ok(metadata) = std::fs::metadata(&path)
                && metadata.is_file()
            {
                let stamp = FileStamp::of(&metadata);
                companions.push(FoundFile { name, path, stamp });
            }
        }
        companions.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(companions)
    }
}

fn is_gguf(name: &str) -> bool {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    ending.is_some_and(|ending| ending.eq_ignore_ascii_case("gguf"))
}

fn is_projector(name: &str) -> bool {
    name.to_ascii_lowercase().contains(PROJECTOR)
}

/// Splits a name at its separators, and returns the parts in lower case.
fn parts(name: &str) -> Vec<String> {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let parts = stem.split(['-', '_', '.', ' ']);
    parts.map(str::to_ascii_lowercase).collect()
}

/// Returns the parts of the name of a projector that name its model: the parts before the type.
fn base(name: &str) -> Vec<String> {
    let is_type = |part: &String| {
        let digits = part.strip_prefix("iq").or_else(|| part.strip_prefix('q'));
        TYPES.contains(&part.as_str())
            || digits.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    let before_type = parts(name).into_iter().take_while(|part| !is_type(part));
    let base: Vec<String> = before_type.filter(|part| part != PROJECTOR).collect();
    match &base[..] {
        [only] if only == GENERIC => Vec::new(),
        _ => base,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// CAT-829
    #[test]
    fn a_projector_belongs_to_the_models_that_its_name_names() {
        for (files, model, expected) in [
            (
                &["m.gguf", "mmproj-x-f16.gguf"][..],
                "m.gguf",
                &["mmproj-x-f16.gguf"][..],
            ),
            (
                &["m.gguf", "other.gguf", "mmproj-model-f16.gguf"],
                "m.gguf",
                &[],
            ),
            (
                &[
                    "gemma-3-4b-Q4_K_M.gguf",
                    "gemma-3-4b-Q8_0.gguf",
                    "mmproj-model-f16.gguf",
                ],
                "gemma-3-4b-Q8_0.gguf",
                &["mmproj-model-f16.gguf"],
            ),
            (
                &[
                    "gemma-3-4b-Q4_K_M.gguf",
                    "llama-8b.gguf",
                    "mmproj-gemma-3-4b-Q8_0.gguf",
                ],
                "gemma-3-4b-Q4_K_M.gguf",
                &["mmproj-gemma-3-4b-Q8_0.gguf"],
            ),
            (
                &[
                    "gemma-3-4b-Q4_K_M.gguf",
                    "llama-8b.gguf",
                    "mmproj-gemma-3-4b-Q8_0.gguf",
                ],
                "llama-8b.gguf",
                &[],
            ),
            (
                &[
                    "a-00001-of-00002.gguf",
                    "a-00002-of-00002.gguf",
                    "A.MMPROJ.GGUF",
                ],
                "a-00002-of-00002.gguf",
                &["A.MMPROJ.GGUF"],
            ),
            (&["m.gguf", "mmproj.gguf"], "mmproj.gguf", &[]),
            (&["m.bin", "mmproj.gguf"], "m.bin", &[]),
        ] {
            let folder = tempfile::tempdir().expect("a folder can be made");
            for name in files {
                fs::write(folder.path().join(name), name).expect("it can be written");
            }
            let model = LocalModel::resolve(&folder.path().join(model)).expect("it is one");
            let companions = model.companions().expect("the folder can be listed");
            let names: Vec<_> = companions
                .iter()
                .filter_map(|path| path.file_name())
                .collect();
            assert_eq!(names, expected, "{files:?} {model:?}");
        }
    }
}
