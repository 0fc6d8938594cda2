use std::collections::BTreeMap;
use std::sync::Arc;

use catalog_core::fetching::{KnownSource, SourceState, fetch_into};
use catalog_core::{
    ArtifactStore, Basis, CatalogError, Digest, DigestAlgorithm, EntryPoint, Expectation,
    FetchProblem, FetchTask, Fetched, LocalModel, ModelFetcher, ModelRef, Progress, Provenance,
    ResolvedModel, Result, Staging, TaskFiles, Validators,
};
use ureq::http::header::{IF_MODIFIED_SINCE, IF_NONE_MATCH, RANGE};
use ureq::http::{HeaderName, HeaderValue};

use crate::net::{Ask, Client, NetError, NetworkConfig, Tls, Url, is_hub, misconfigured, within};
use crate::transfer::{ByteRange, Done, RemoteFile, Verdict, check, transfer};

/// A fetcher of models of web servers: `https:` references, and `http:` references to addresses of
/// this host or if [`NetworkConfig::allow_http`] is set.
///
/// A reference to a shard of a set names the whole set: the other shards are fetched from the same
/// folder. The bytes are proven by a digest of the caller, by the fragment `#sha256=…` of the
/// reference, or by the header `Repr-Digest` of the server. Otherwise the bytes are compared with the
/// checksum that the server states, such as `x-goog-hash`, or only with the size.
///
/// Needs feature `http`.
#[derive(Debug)]
pub struct HttpFetcher {
    store: ArtifactStore,
    config: Arc<NetworkConfig>,
    tls: Tls,
}

impl HttpFetcher {
    /// Creates a fetcher that stages models in this store.
    ///
    /// # Errors
    ///
    /// A [`Fetch`](CatalogError::Fetch) error with
    /// [`Misconfigured`](FetchProblem::Misconfigured) if a file of the configuration cannot be
    /// used: it names the file.
    pub fn new(store: &ArtifactStore, config: NetworkConfig) -> Result<Self> {
        let tls = Tls::new(&config.roots, config.identity.as_ref());
        let tls = tls.map_err(misconfigured)?;
        Ok(Self {
            store: store.clone(),
            config: Arc::new(config),
            tls,
        })
    }

    fn client<'c>(&self, task: &FetchTask<'c>, ask: &Ask) -> Result<Client<'c>> {
        let needs_tls = ask.url.origin().is_tls;
        let client = Client::new(&self.config, &self.tls, task.gate, needs_tls);
        client.map_err(|error| error.for_model(task.model_ref))
    }
}

/// Returns the first request for the model of a reference.
fn ask_of(mr: &ModelRef) -> Result<Ask> {
    let repair = "add a fetcher that serves this scheme to the router";
    let ModelRef::Url { url } = mr else {
        return Err(CatalogError::no_fetcher(mr, repair));
    };
    if !matches!(&*mr.scheme(), "http" | "https") {
        return Err(CatalogError::no_fetcher(mr, repair));
    }
    mr.id()?;
    let parsed = Url::parse(url);
    let refused = |detail| CatalogError::fetch(mr, FetchProblem::Refused, detail);
    let (url, authorization) = parsed.map_err(refused)?;
    Ok(Ask { url, authorization })
}

/// Returns the file name in the path of a URL. It comes from the reference, never from a header.
fn name_of(mr: &ModelRef, url: &Url) -> Result<String> {
    let path = url
        .as_secret_str()
        .split(['?', '#'])
        .next()
        .unwrap_or_default();
    let last = path.rsplit('/').next().unwrap_or_default();
    let name = decode(last).filter(|name| !name.is_empty());
    name.ok_or_else(|| {
        let detail = "its path ends in no file name; give the URL of a file";
        CatalogError::fetch(mr, FetchProblem::Refused, detail)
    })
}

/// Decodes a percent-encoded text.
fn decode(text: &str) -> Option<String> {
    let decoded = fluent_uri::pct_enc::EStr::<fluent_uri::pct_enc::encoder::Path>::new(text)?;
    decoded
        .decode()
        .to_string()
        .ok()
        .map(|text| text.into_owned())
}

/// Returns the files of a model: one file, or all shards of a set.
fn files_of(task: &FetchTask<'_>, ask: &Ask) -> Result<Vec<RemoteFile>> {
    let name = name_of(task.model_ref, &ask.url)?;
    let names = LocalModel::shard_names(&name).unwrap_or_else(|| vec![name.clone()]);
    let is_single = names.len() == 1;
    let digest = task
        .digest
        .filter(|digest| is_single && digest.algorithm() == Ok(DigestAlgorithm::Sha256));
    let files = names.into_iter().filter(|name| task.files.has(name));
    let files: Vec<RemoteFile> = files
        .map(|each| RemoteFile {
            sha256: digest.cloned(),
            checksum: None,
            size: None,
            ask: Ask {
                url: match each == name {
                    true => ask.url.clone(),
                    false => ask.url.with_file_name(&each),
                },
                authorization: ask.authorization.clone(),
            },
            name: each,
        })
        .collect();
    if let TaskFiles::Only(names) | TaskFiles::OnlyInFolder(names) = task.files
        && names.len() != files.len()
    {
        let detail = format!("the URL does not name all of {names:?}");
        return Err(CatalogError::fetch(
            task.model_ref,
            FetchProblem::FileNotFound,
            detail,
        ));
    }
    Ok(files)
}

impl ModelFetcher for HttpFetcher {
    /// Returns the artifact of the model in the store, if it is complete. Otherwise fetches,
    /// verifies and publishes the model.
    fn ensure_present(&self, mr: &ModelRef) -> Result<ResolvedModel> {
        ask_of(mr)?;
        fetch_into(&self.store, self, mr)
    }

    fn schemes(&self) -> Vec<&str> {
        vec!["http", "https"]
    }

    fn check_support(&self, mr: &ModelRef) -> Result<()> {
        ask_of(mr).map(drop)
    }

    fn credentials_id(&self, mr: &ModelRef) -> Option<String> {
        let authorization = ask_of(mr).ok()?.authorization?;
        let mut hash = catalog_core::Hasher::new();
        hash.update(authorization.as_bytes());
        Some(hash.finish().value)
    }

    fn stage(
        &self,
        task: &FetchTask<'_>,
        staging: &mut Staging,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<Fetched> {
        let ask = ask_of(task.model_ref)?;
        if let Some(revision) = task.revision {
            let detail =
                format!("a web server has no revisions, but the task asks for {revision:?}");
            let problem = FetchProblem::RevisionNotFound;
            return Err(CatalogError::fetch(task.model_ref, problem, detail));
        }
        let files = files_of(task, &ask)?;
        if is_hub(&ask.url.origin().host) {
            let reference = task.model_ref.to_string();
            tracing::warn!(
                reference,
                "the hub states no hash for a web address; an hf: reference is proven by hashes"
            );
        }
        let client = self.client(task, &ask)?;
        let transferred = transfer(&client, task, &files, &|_| None, staging, progress)?;
        let stated = transferred.files.iter().filter_map(|file| {
            let digest = file.version.sha256.clone()?;
            Some((file.name.clone(), digest))
        });
        let stated: BTreeMap<String, Digest> = stated.collect();
        let basis = transferred.files.iter().map(basis_of).min();
        let validators = transferred.files.iter().map(|file| {
            let validators = file.version.validators.clone();
            (file.name.clone(), validators)
        });
        let has_any = |(_, validators): &(String, Validators)| {
            validators.etag.is_some() || validators.last_modified.is_some()
        };
        staging.set_provenance(
            Provenance::default()
                .source(task.model_ref.to_string())
                .fetcher(concat!("model-fetchers http ", env!("CARGO_PKG_VERSION")))
                .validators(validators.filter(has_any).collect()),
        );
        let entry_point = EntryPoint::Natural;
        let mut fetched = Fetched::new(
            Expectation::default()
                .files(stated)
                .entry_point(entry_point),
        );
        fetched.basis = basis.unwrap_or_default();
        fetched.bytes = transferred.bytes;
        Ok(fetched)
    }

    /// Asks with the validators of each file. A file without validators counts as changed, unless
    /// the task states the digest that the model must have.
    fn source_state(
        &self,
        task: &FetchTask<'_>,
        known: &KnownSource<'_>,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<SourceState> {
        let ask = ask_of(task.model_ref)?;
        let files = files_of(task, &ask)?;
        let client = self.client(task, &ask)?;
        for file in files {
            progress(Progress::default())?;
            let Some(validators) = known.validators.get(&file.name) else {
                match task.digest.is_some() {
                    true => continue,
                    false => return Ok(SourceState::Changed),
                }
            };
            if has_changed(&client, task, &file, validators)? {
                return Ok(SourceState::Changed);
            }
        }
        Ok(SourceState::Unchanged)
    }
}

/// The first byte of a file.
const FIRST_BYTE: ByteRange = ByteRange { begin: 0, end: 1 };

/// Asks whether a file changed, with one request.
fn has_changed(
    client: &Client<'_>,
    task: &FetchTask<'_>,
    file: &RemoteFile,
    validators: &Validators,
) -> Result<bool> {
    let mut headers: Vec<(HeaderName, HeaderValue)> = Vec::new();
    let mut add = |name: HeaderName, value: &Option<String>| {
        let value = value.as_deref().map(HeaderValue::from_str);
        headers.extend(
            value
                .and_then(std::result::Result::ok)
                .map(|value| (name, value)),
        );
    };
    add(IF_NONE_MATCH, &validators.etag);
    if validators.etag.is_none() {
        add(IF_MODIFIED_SINCE, &validators.last_modified);
    }
    // If the file changed, one byte is enough of an answer.
    headers.push((RANGE, FIRST_BYTE.header()));
    let answer = ended_by(client, task, || client.get(&file.ask, &headers))?;
    if answer.status.as_u16() == 304 {
        return Ok(false);
    }
    let fail = |problem, detail| Err(CatalogError::fetch(task.model_ref, problem, detail));
    match check(answer.status, &answer.headers, Some(FIRST_BYTE), None) {
        Verdict::Later(_, problem, detail) => fail(problem, detail),
        Verdict::Denied(status) => {
            let detail = format!("the server refuses the request (status {status})");
            fail(FetchProblem::AccessDenied, detail)
        }
        Verdict::Fail(problem, detail) if answer.status.is_client_error() => fail(problem, detail),
        _ => Ok(true),
    }
}

/// Makes a request that the limits of the task end.
fn ended_by<T: Send>(
    client: &Client<'_>,
    task: &FetchTask<'_>,
    request: impl FnOnce() -> std::result::Result<T, NetError> + Send,
) -> Result<T> {
    within(client, task.limits, request)?.map_err(|error| error.for_model(task.model_ref))
}

/// Returns what the server stated about a file.
fn basis_of(file: &Done) -> Basis {
    let version = &file.version;
    if version.sha256.is_some() {
        Basis::SourceHash
    } else if version.checksum.is_some() {
        Basis::SourceChecksum
    } else if version.size.is_some() || file.reused.is_some() {
        Basis::Sizes
    } else {
        Basis::Nothing
    }
}
