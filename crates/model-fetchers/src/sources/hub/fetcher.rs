use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use catalog_core::fetching::{HubFile, HubFiles, KnownSource, SourceState, fetch_into};
use catalog_core::{
    ArtifactStore, Basis, CatalogError, Digest, EntryPoint, Expectation, FetchProblem, FetchTask,
    Fetched, HfParts, ModelFetcher, ModelRef, Progress, Provenance, ResolvedModel, Result,
    SourceHost, Staging,
};

use super::api::{Api, Report};
use super::listing::{ListedFile, is_commit};
use super::repository::{Commit, Repository};
use crate::net::{Client, NetworkConfig, Tls, Url, misconfigured};
use crate::transfer::{RemoteFile, transfer};

/// A fetcher of models of the Hugging Face hub, by `hf:` references. It needs no other program.
///
/// A revision is resolved once to a commit. The files, their sizes and their hashes come from the
/// listing of that commit. Large files are proven by their SHA-256, small ones by the hash of git.
/// The address of the hub and the token are in [`NetworkConfig::hub`].
///
/// Needs feature `hf`.
#[derive(Debug)]
pub struct HfFetcher {
    store: ArtifactStore,
    config: Arc<NetworkConfig>,
    tls: Tls,
    endpoint: Url,
}

impl HfFetcher {
    /// Creates a fetcher that stages models in this store.
    ///
    /// # Errors
    ///
    /// A [`Fetch`](CatalogError::Fetch) error with
    /// [`Misconfigured`](FetchProblem::Misconfigured) if the endpoint or a file of the
    /// configuration cannot be used.
    pub fn new(store: &ArtifactStore, config: NetworkConfig) -> Result<Self> {
        let endpoint = config.hub.url().map_err(misconfigured)?;
        let tls = Tls::new(&config.roots, config.identity.as_ref());
        let tls = tls.map_err(misconfigured)?;
        Ok(Self {
            store: store.clone(),
            config: Arc::new(config),
            tls,
            endpoint,
        })
    }

    /// Calls a function with the repository of a task.
    fn with_repository<T>(
        &self,
        task: &FetchTask<'_>,
        work: impl FnOnce(&Repository<'_>) -> Result<T>,
    ) -> Result<T> {
        let mr = task.model_ref;
        let parts = parts_of(mr)?;
        if self.config.hub.is_offline {
            return Err(CatalogError::Fetch {
                reference: mr.to_string(),
                problem: FetchProblem::Offline,
                detail: "the configuration forbids requests to the hub".to_owned(),
                repair: "unset HF_HUB_OFFLINE, or allow the hub in the network configuration"
                    .into(),
            });
        }
        let failed = |error: crate::net::NetError| error.for_model(mr);
        let authorization = self.config.hub.authorization().map_err(failed)?;
        let needs_tls = self.endpoint.origin().is_tls;
        let client = Client::new(&self.config, &self.tls, task.gate, needs_tls);
        let client = client.map_err(failed)?.with_mirror(self.endpoint.clone());
        let api = Api {
            client: &client,
            task,
            authorization,
            endpoint: self.endpoint.clone(),
        };
        work(&Repository { api: &api, parts })
    }
}

impl ModelFetcher for HfFetcher {
    /// Returns the artifact of the model in the store, if it is complete. Otherwise fetches,
    /// verifies and publishes the model.
    fn ensure_present(&self, mr: &ModelRef) -> Result<ResolvedModel> {
        parts_of(mr)?;
        fetch_into(&self.store, self, mr)
    }

    fn schemes(&self) -> Vec<&str> {
        vec!["hf"]
    }

    fn check_support(&self, mr: &ModelRef) -> Result<()> {
        parts_of(mr).map(drop)
    }

    fn source_host(&self, _: &ModelRef) -> SourceHost {
        SourceHost::Other(self.endpoint.origin().host.clone())
    }

    fn credentials_id(&self, mr: &ModelRef) -> Option<String> {
        mr.as_hf()?;
        let mut hash = catalog_core::Hasher::new();
        let authorization = self.config.hub.authorization();
        hash.update(format!("{} {authorization:?}", self.endpoint.as_secret_str()).as_bytes());
        Some(hash.finish().value)
    }

    fn stage(
        &self,
        task: &FetchTask<'_>,
        staging: &mut Staging,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<Fetched> {
        self.with_repository(task, |repository| {
            stage(repository, task, staging, progress)
        })
    }

    /// Resolves the revision of the reference with one request. A commit needs no request.
    fn source_state(
        &self,
        task: &FetchTask<'_>,
        known: &KnownSource<'_>,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<SourceState> {
        let revision = parts_of(task.model_ref)?.revision;
        if let Some(commit) = revision.filter(|revision| is_commit(revision)) {
            return Ok(SourceState::of_revision(known, Some(commit)));
        }
        self.with_repository(task, |repository| {
            let commit = repository.resolve(revision, progress)?;
            Ok(SourceState::of_revision(known, Some(&commit.sha)))
        })
    }
}

fn stage(
    repository: &Repository<'_>,
    task: &FetchTask<'_>,
    staging: &mut Staging,
    progress: &mut Report<'_>,
) -> Result<Fetched> {
    let api = repository.api;
    let revision = task.revision.or(repository.parts.revision);
    let Commit {
        sha: commit,
        spelling,
    } = repository.resolve(revision, progress)?;
    let listing = repository.files(&commit, progress)?;
    let paths: Vec<&str> = listing.iter().map(|file| file.path.as_str()).collect();
    let chosen = HubFiles::choose(task, &paths)?;
    let known = known_digests(task, &commit);
    let by_path: BTreeMap<&str, &ListedFile> = listing
        .iter()
        .map(|file| (file.path.as_str(), file))
        .collect();
    let remote = chosen.files.iter().map(|file| {
        let known = known.get(file.name.as_str()).copied();
        repository.remote_file(&commit, file, by_path[file.path.as_str()], known)
    });
    let remote: Vec<RemoteFile> = remote.collect();
    check_digest(task, &chosen, &by_path)?;
    let refusals = api.refusals();
    let transferred = transfer(
        api.client,
        task,
        &remote,
        &|answer| refusals.explain(&answer.url, answer.status, &answer.headers),
        staging,
        progress,
    )?;
    let names = |files: &mut dyn Iterator<Item = &HubFile>| -> BTreeSet<String> {
        files.map(|file| file.name.clone()).collect()
    };
    let requested = match task.patterns {
        [] => BTreeSet::new(),
        _ => names(&mut chosen.files.iter()),
    };
    staging.set_provenance(
        Provenance::default()
            .source(task.model_ref.to_string())
            .source_spelling(spelling)
            .revision(commit.clone())
            .fetcher(concat!("model-fetchers hf ", env!("CARGO_PKG_VERSION")))
            .companions(names(
                &mut chosen.files.iter().filter(|file| file.is_companion),
            ))
            .requested(requested)
            .patterns(task.patterns.iter().cloned().collect()),
    );
    let stated = remote
        .iter()
        .filter_map(|file| Some((file.name.clone(), file.sha256.clone()?)));
    let mut fetched = Fetched::new(
        Expectation::default()
            .files(stated.collect())
            .entry_point(chosen.entry_point),
    );
    // A digest that this library computed is no statement of the hub.
    let is_proven = |file: &HubFile| {
        let listed = by_path[file.path.as_str()];
        listed.sha256.is_some() || listed.git_oid.is_some()
    };
    fetched.basis = match chosen.files.iter().all(is_proven) {
        true => Basis::SourceHash,
        false => Basis::Sizes,
    };
    fetched.revision = Some(commit);
    fetched.bytes = transferred.bytes;
    Ok(fetched)
}

/// Returns an error if the listing shows that the model cannot have the digest of the task, so that no
/// byte is fetched.
fn check_digest(
    task: &FetchTask<'_>,
    chosen: &HubFiles,
    by_path: &BTreeMap<&str, &ListedFile>,
) -> Result<()> {
    let Some(expected) = task.digest else {
        return Ok(());
    };
    let mut of_model = chosen.files.iter().filter(|file| !file.is_companion);
    let (only, others) = (of_model.next(), of_model.next());
    let stated = only.and_then(|file| by_path[file.path.as_str()].sha256.as_ref());
    match stated {
        Some(stated)
            if others.is_none()
                && chosen.entry_point != EntryPoint::Folder
                && stated.algo == expected.algo
                && stated != expected =>
        {
            Err(CatalogError::DigestMismatch {
                path: task.model_ref.to_string().into(),
                expected: expected.to_string(),
                actual: stated.to_string(),
            })
        }
        _ => Ok(()),
    }
}

/// Returns the digests of the files that the present artifact has from the same commit, by name.
fn known_digests<'t>(task: &FetchTask<'t>, commit: &str) -> BTreeMap<&'t str, &'t Digest> {
    let present = task
        .present
        .filter(|present| present.revision.as_deref() == Some(commit));
    let files = present.into_iter().flat_map(|present| &present.files);
    files
        .map(|file| (file.name.as_str(), &file.digest))
        .collect()
}

fn parts_of(mr: &ModelRef) -> Result<HfParts<'_>> {
    let repair = "add a fetcher that serves this scheme to the router";
    mr.as_hf()
        .ok_or_else(|| CatalogError::no_fetcher(mr, repair))
}
