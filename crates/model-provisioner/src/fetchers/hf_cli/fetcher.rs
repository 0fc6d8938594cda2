use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use catalog_core::fetching::{HubFiles, KnownSource, SourceState, fetch_into};
use catalog_core::{
    ArtifactStore, CatalogError, FetchProblem, FetchTask, Fetched, HfParts, ModelFetcher, ModelRef,
    Progress, Provenance, Reservation, ResolvedModel, Result, SourceHost, Staging, TaskFiles,
};

use super::cli_error::fetch_error;
use super::commands::Repository;
use super::download_check::{check_complete, commit_of, expectation_of};
use super::move_files::{move_to_names, move_to_top};
use super::process::Tick;
use super::records::{bytes_in, downloaded_in};
use super::selection::{Listed, Selection};
use super::settings::Settings;
use super::tool::Tool;

/// A fetcher of models of the Hugging Face hub. It runs the `hf` command, or `huggingface-cli` of
/// old releases, which must be installed.
///
/// A reference names a repository, or a file, a shard of a set, or a folder in the repository, at
/// the revision after `@` or at the default branch. The fetcher compares the downloaded files with
/// the hashes that the hub states. The command inherits the environment, with `HF_TOKEN` and other
/// settings. If a [token](Self::token) is set here, the command gets it only through that variable.
/// When this process dies, the command dies, too.
///
/// Needs feature `hf-cli`.
pub struct HfCliFetcher {
    store: ArtifactStore,
    command: Option<PathBuf>,
    search_path: Option<OsString>,
    settings: Settings,
    tool: Mutex<Option<Tool>>,
}

impl HfCliFetcher {
    /// Creates a fetcher that stages models in this store. The first call that needs the command
    /// searches for it in `PATH`.
    pub fn new(store: &ArtifactStore) -> Self {
        Self {
            store: store.clone(),
            command: None,
            search_path: None,
            settings: Settings::default(),
            tool: Mutex::default(),
        }
    }

    /// Sets the path of the command.
    #[must_use]
    pub fn command(mut self, path: impl Into<PathBuf>) -> Self {
        self.command = Some(path.into());
        self
    }

    /// Sets the folders in which the fetcher searches for the command, instead of those in `PATH`.
    /// The text has the format of `PATH`.
    #[must_use]
    pub fn search_path(mut self, folders: impl Into<OsString>) -> Self {
        self.search_path = Some(folders.into());
        self
    }

    /// Sets the URL of the hub, instead of the value of `HF_ENDPOINT`.
    #[must_use]
    pub fn endpoint(mut self, url: impl Into<String>) -> Self {
        self.settings.endpoint = Some(url.into());
        self
    }

    /// Sets the token, instead of the token of the environment.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.settings.token = Some(token.into());
        self
    }

    /// Returns the command. The first call searches for it.
    fn tool(&self, mr: &ModelRef, tick: &mut Tick<'_>) -> Result<Tool> {
        let known = || self.tool.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tool) = &*known() {
            return Ok(tool.clone());
        }
        let found = match &self.command {
            Some(path) => Tool::probe(path, tick)?,
            None => Tool::find(self.search_path.as_deref(), tick)?,
        };
        let tool = found.map_err(|detail| fetch_error(mr, FetchProblem::ToolMissing, detail))?;
        *known() = Some(tool.clone());
        Ok(tool)
    }
}

impl ModelFetcher for HfCliFetcher {
    /// Returns the artifact of the model in the store, if it is complete. Otherwise fetches,
    /// verifies and publishes the model.
    fn ensure_present(&self, mr: &ModelRef) -> Result<ResolvedModel> {
        parts_of(mr)?;
        fetch_into(&self.store, self, mr)
    }

    fn schemes(&self) -> Vec<&str> {
        vec!["hf"]
    }

    fn stage(
        &self,
        task: &FetchTask<'_>,
        staging: &mut Staging,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<Fetched> {
        let mr = task.model_ref;
        let parts = parts_of(mr)?;
        let idle = Progress::default();
        let tool = self.tool(mr, &mut || progress(idle))?;
        let repository = Repository {
            settings: &self.settings,
            tool: &tool,
            model_ref: mr,
            parts,
            revision: task.revision.or(parts.revision),
        };
        let listing = repository.list(&mut || progress(idle))?;
        let refused = |detail| fetch_error(mr, FetchProblem::Refused, detail);
        let is_choice = parts.quantisation.is_some() || !task.patterns.is_empty();
        let is_extension = task.present.is_some() && listing.is_some();
        let mut selection = match is_choice || is_extension {
            true => Selection::Chosen(choose(task, listing.as_deref())?),
            false => Selection::of(task, &parts).map_err(refused)?,
        };
        let companions = selection.companions();
        let present = task.present.into_iter().flat_map(|present| &present.files);
        let reused = selection.take_present(task, staging, &mut || progress(idle))?;
        // Links count as written, so the reservation covers them.
        let present = present.filter(|file| reused.contains_key(&file.name));
        let reused_bytes = present.map(|file| file.size).fold(0, u64::saturating_add);
        selection.check_names().map_err(refused)?;
        let mut total = None;
        if let Some(listing) = &listing {
            selection = selection.looked_up(&parts, listing);
            let sizes = selection.among(listing).into_iter().map(|file| file.size);
            let bytes = sizes.fold(reused_bytes, u64::saturating_add);
            progress(Progress::of(0, bytes))?;
            staging.reserve(bytes)?;
            total = Some(bytes);
        }

        let folder = staging.folder();
        let reservation = staging.reservation();
        let mut tick = || {
            measure(&reservation)?;
            progress(Progress::new(bytes_in(&folder), total))
        };
        let first = match selection.is_empty() {
            true => Ok(()),
            false => repository.download(&selection, &folder, &mut tick)?,
        };
        match (first, parts.path) {
            (Ok(()), _) => {}
            // Without a listing, the failed download of the file shows that the path may be a
            // folder.
            (Err(failure), Some(path))
                if failure.problem == FetchProblem::FileNotFound
                    && listing.is_none()
                    && matches!(task.files, TaskFiles::All) =>
            {
                selection = Selection::Folder(path.to_owned());
                let second = repository.download(&selection, &folder, &mut tick)?;
                second.map_err(|failure| failure.error)?;
            }
            (Err(failure), _) => return Err(failure.error),
        }

        let mut downloaded = downloaded_in(&folder)?;
        downloaded.retain(|file| !reused.contains_key(selection.name_of(&file.name)));
        if !selection.is_empty() {
            check_complete(mr, &selection, listing.as_deref(), &downloaded)?;
        }
        let commit = match selection.is_empty() {
            true => task.revision.map(str::to_owned),
            false => commit_of(mr, &downloaded)?,
        };
        let (mut expectation, basis) = expectation_of(
            &folder,
            &downloaded,
            &selection,
            listing.is_some(),
            &parts,
            &mut tick,
        )?;
        match &selection {
            Selection::Chosen(chosen) => move_to_names(&folder, chosen)?,
            selection => {
                if let Some(name) = selection.folder() {
                    move_to_top(&folder, name)?;
                }
            }
        }
        let requested = match task.patterns {
            [] => BTreeSet::new(),
            _ => downloaded
                .iter()
                .map(|file| selection.name_of(&file.name).to_owned())
                .chain(reused.keys().cloned())
                .collect(),
        };
        expectation.files.extend(reused);
        staging.set_provenance(
            Provenance::default()
                .source(mr.to_string())
                .revision(commit.clone())
                .fetcher(tool.described())
                .companions(companions)
                .requested(requested)
                .patterns(task.patterns.iter().cloned().collect()),
        );
        let mut fetched = Fetched::new(expectation);
        fetched.revision = commit;
        // A digest that this library computed is no statement of the hub.
        let of_present = task
            .present
            .filter(|_| reused_bytes > 0)
            .map(|present| present.basis);
        fetched.basis = of_present.map_or(basis, |present| basis.min(present));
        Ok(fetched)
    }

    fn source_state(
        &self,
        task: &FetchTask<'_>,
        known: &KnownSource<'_>,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<SourceState> {
        let mr = task.model_ref;
        let parts = parts_of(mr)?;
        let tool = self.tool(mr, &mut || progress(Progress::default()))?;
        // The cache lies in a staging area, so a collection removes it if this process is killed.
        let store = self.store.with_limits(task.limits.clone());
        let cache = store.stage(&mr.model_id()?, 0)?;
        let reservation = cache.reservation();
        let mut tick = || {
            measure(&reservation)?;
            progress(Progress::default())
        };
        let repository = Repository {
            settings: &self.settings,
            tool: &tool,
            model_ref: mr,
            parts,
            revision: parts.revision,
        };
        let commit = repository.commit(&cache.folder(), &mut tick)?;
        Ok(SourceState::of_revision(known, commit.as_deref()))
    }

    fn source_host(&self, _: &ModelRef) -> SourceHost {
        let hub = ModelRef::parse(&self.settings.hub());
        let host = hub.ok().and_then(|hub| hub.host());
        host.map_or(SourceHost::Unknown, SourceHost::Other)
    }

    fn check_support(&self, mr: &ModelRef) -> Result<()> {
        parts_of(mr).map(drop)
    }

    fn credentials_id(&self, mr: &ModelRef) -> Option<String> {
        mr.as_hf()?;
        Some(self.settings.credentials_id())
    }
}

impl fmt::Debug for HfCliFetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hub = ModelRef::parse(&self.settings.hub()).map(|hub| hub.to_string());
        f.debug_struct("HfCliFetcher")
            .field("command", &self.command)
            .field("endpoint", &hub.ok())
            .field("has_token", &self.settings.token.is_some())
            .finish_non_exhaustive()
    }
}

/// Chooses the files of a task from the listing of the command.
fn choose(task: &FetchTask<'_>, listing: Option<&[Listed]>) -> Result<HubFiles> {
    let Some(listing) = listing else {
        let detail =
            "the installed command lists no files, which a tag and patterns need; upgrade \
                      it with `pip install -U huggingface_hub`"
                .to_owned();
        return Err(fetch_error(
            task.model_ref,
            FetchProblem::ToolMissing,
            detail,
        ));
    };
    let paths: Vec<&str> = listing.iter().map(|file| file.path.as_str()).collect();
    HubFiles::choose(task, &paths)
}

/// Measures a staging area. Returns an error only if space is missing, or if the call must stop.
fn measure(reservation: &Reservation) -> Result<()> {
    match reservation.check() {
        Err(
            error @ (CatalogError::NoSpace { .. }
            | CatalogError::Cancelled
            | CatalogError::DeadlineExceeded { .. }),
        ) => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn parts_of(mr: &ModelRef) -> Result<HfParts<'_>> {
    let repair = "add a fetcher that serves this scheme to the fetcher of the hub";
    mr.as_hf()
        .ok_or_else(|| CatalogError::no_fetcher(mr, repair))
}
