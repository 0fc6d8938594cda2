use std::path::Path;

use super::artifact::Artifact;
use super::chosen_files::ChosenFiles;
use super::copy::{Mover, check_unchanged};
use super::expectation::Expectation;
use super::fingerprint::now_at_most;
use super::formats::ContentCheck;
use super::local::{LocalModel, LocalModelKind};
use super::manifest_file::Sharing;
use super::provenance::Provenance;
use super::staging::Freshness;
use super::store::ArtifactStore;
use super::transfer::{Import, mover_for};
use super::verify::VerifiedStaging;
use crate::digest::{hash_files, is_of_a_model};
use crate::entry::{CatalogEntry, Expected};
use crate::error::{CatalogError, Result};
use crate::progress::Progress;
use crate::reference::ModelId;
use crate::root::{FoundFile, LastLink, Links, list_files, resolve};

/// A request to import a local model into the store.
///
/// ```
/// use catalog_core::{CatalogStore, FsCatalog, ImportRequest};
///
/// # let folder = tempfile::tempdir()?;
/// # let source = folder.path().join("notes.bin");
/// std::fs::write(&source, "weights")?;
/// let catalog = FsCatalog::new(folder.path().join("root"))?;
/// let id = "notes".parse()?;
/// let entry = catalog.import(&ImportRequest::new(&id, &source), &mut |_| Ok(()))?;
/// assert_eq!(std::fs::read(&entry.local_path)?, b"weights");
/// assert!(catalog.delete("notes")? && source.exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImportRequest<'r> {
    /// The id of the model in the catalog.
    pub id: &'r ModelId,
    /// The path of a file, of a folder, or of one shard of a set. For a shard, all shards of the
    /// set are imported.
    pub source: &'r Path,
    /// The way in which the bytes get into the store.
    pub how: Import,
    /// The digests and checks that the files must pass.
    pub expected: Expectation,
    /// The expected current entry of the id, for [`FsCatalog::import`](crate::FsCatalog::import).
    /// [`ArtifactStore::import`] registers no entry and ignores this field.
    pub entry: Expected<'r, CatalogEntry>,
    /// The provenance of the bytes. The default is the path of the source.
    pub provenance: Option<Provenance>,
}

impl<'r> ImportRequest<'r> {
    /// Creates a request that takes the least space and expects no digest.
    pub fn new(id: &'r ModelId, source: &'r Path) -> Self {
        Self {
            id,
            source,
            how: Import::Auto,
            expected: Expectation::default(),
            entry: Expected::Any,
            provenance: None,
        }
    }
}

impl ArtifactStore {
    /// Imports a local model into the store. It is not registered in the catalog. An error of
    /// `progress` stops the import, and then nothing is left behind.
    ///
    /// # Errors
    ///
    /// The errors of [`stage_import`](Self::stage_import) and [`VerifiedStaging::publish`].
    pub fn import(
        &self,
        request: &ImportRequest<'_>,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<Artifact> {
        self.stage_import(request, progress)?.publish()
    }

    /// Copies a local model and its [companions](LocalModel::companions) into a staging area, and
    /// verifies the copy. It is not published. An error of `progress` stops the import, and then
    /// nothing is left behind.
    ///
    /// # Errors
    ///
    /// The errors of [`LocalModel::resolve`], [`LocalModel::check_content`], [`stage`](Self::stage)
    /// and [`Staging::verify`](crate::Staging::verify); [`CatalogError::ArtifactChanged`] if the source changes during the
    /// import, [`CatalogError::ForeignShards`] if a shard belongs to another place in its set,
    /// [`CatalogError::NameRefused`] if files with the name of the source are not part of a model.
    pub fn stage_import(
        &self,
        request: &ImportRequest<'_>,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<VerifiedStaging> {
        let progress = &mut self.limits.watch("importing", progress);
        let model = LocalModel::resolve(&resolve(request.source, LastLink::Keep)?)?;
        model.check_shards()?;
        // The check runs before any byte is copied, so its errors have the paths of the user.
        model.check_content(request.expected.content, &|| self.limits.check("reading"))?;
        check_own_name(&model)?;
        let chosen = match model.kind() {
            LocalModelKind::Folder => ChosenFiles::of(model.path(), &request.expected, progress)?,
            _ => ChosenFiles::OfTheModel(&request.expected.files),
        };
        let own = match chosen {
            ChosenFiles::OfTheModel(_) => model.files().to_vec(),
            ChosenFiles::OfFirstEdition => {
                list_files(model.path(), |name| chosen.has(name), Links::Follow)?
            }
        };
        let mut companions = model.find_companions()?;
        companions.retain(|companion| self.is_usable(companion, request.expected.content));
        let mut provenance = request.provenance.clone().unwrap_or_else(|| Provenance {
            source: Some(format!("file:{}", request.source.display())),
            fetcher: "import".to_owned(),
            ..Provenance::default()
        });
        let names = companions.iter().map(|file| file.name.clone());
        provenance.companions.extend(names);
        let files = &[own, companions].concat()[..];
        let total = sum(files.iter().map(|file| file.stamp.size()));
        let mut staging = self.stage(request.id, 0)?;
        staging.set_provenance(provenance);
        let mut done = 0;
        let mut advance = |bytes: u64| {
            done += bytes;
            progress(Progress::of(done, total))
        };
        let space = sum(files.iter().map(|file| file.stamp.allocated()));
        if request.how != Import::Copy {
            staging.reserve_shared(space)?;
        }
        let linked = staging.link_all(files, request.how)?;
        let rest = &files[linked.len()..];
        if !rest.is_empty() {
            staging.reserve(space)?;
        }
        for file in rest {
            // Shared extents were tried above. A file with holes must keep its holes.
            let mover = match request.how {
                Import::Auto => mover_for(file),
                _ => Mover::Process,
            };
            staging.copy_in(file, mover, &mut advance)?;
        }
        // Linked and cloned files have the bytes of their sources. The bytes of a source are
        // probably in memory, so the source is hashed, provided that each later change of it would
        // be noticed.
        let begin = now_at_most(self.layout());
        let sources = &files[..linked.len()];
        let is_settled = |file: &FoundFile| begin.is_some_and(|now| file.stamp.is_settled_at(now));
        let to_read = match sources.iter().all(is_settled) {
            true => sources,
            false => &linked[..],
        };
        let mut before = 0;
        let contents = hash_files(to_read, &mut |now: Progress| {
            let bytes = now.done - before;
            before = now.done;
            advance(bytes)
        })?;
        for ((content, file), source) in contents.into_iter().zip(&linked).zip(files) {
            check_unchanged(&source.path, &source.stamp, content.size)?;
            check_unchanged(&file.path, &file.stamp, content.size)?;
            let (shares, freshness) = match request.how {
                // The owner of the original can still write to it.
                Import::HardLink => (Sharing::Inode, Freshness::of(&source.stamp, begin)),
                _ => (Sharing::Extents, Freshness::Settled),
            };
            staging.note(&file.path, content, shares, freshness)?;
        }
        if total == 0 {
            advance(0)?;
        }
        let expected = Expectation {
            content: ContentCheck::Skip,
            ..request.expected.clone()
        };
        staging.verify(&expected, &mut |_| Ok(()))
    }
}

impl ArtifactStore {
    /// Returns true unless the content of a companion is wrong. A wrong companion does not make the
    /// import of the model fail.
    fn is_usable(&self, companion: &FoundFile, how: ContentCheck) -> bool {
        let model = LocalModel::resolve(&companion.path);
        let checked = model
            .and_then(|companion| companion.check_content(how, &|| self.limits.check("reading")));
        let path = companion.path.display();
        match checked {
            Ok(_) => true,
            Err(error) => {
                tracing::warn!(%path, %error, "a companion is not imported beside its model");
                false
            }
        }
    }
}

/// Refuses a single file whose name marks it as not part of a model.
fn check_own_name(model: &LocalModel) -> Result<()> {
    let named = model
        .files()
        .iter()
        .find(|file| model.kind() != LocalModelKind::Folder && !is_of_a_model(&file.name));
    match named {
        None => Ok(()),
        Some(file) => Err(CatalogError::NameRefused {
            name: file.name.clone(),
            problem: "files with such names are not part of a model; rename the file".to_owned(),
        }),
    }
}

fn sum(sizes: impl Iterator<Item = u64>) -> u64 {
    sizes.fold(0, u64::saturating_add)
}
