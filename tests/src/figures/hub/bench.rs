use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use catalog_core::{CatalogStore, FileFetcher, FsCatalog, ModelFetcher, ModelRef};
use model_fetchers::{HfFetcher, HubConfig};
use model_provisioner::{
    HfCliFetcher, ModelProvisioner, ProvisionError, ProvisionReport, ProvisionRequest, SchemeRouter,
};

use crate::figure::Sabotage;
use crate::figures::net_faults::network;
use crate::hub::{Hub, Repo, RepoFile};
use crate::state::write_over;

/// The provisioner of a bench.
pub(super) type Provisioner = ModelProvisioner<FsCatalog, SchemeRouter>;

/// What most cases ask for.
pub(super) const REPOSITORY: &str = "org/repo";

/// A token that nobody may see.
pub(super) const TOKEN: &str = "hf_canary2718281828";

/// The commands that the test command installed, each in an environment of its own.
pub(in crate::figures) fn tools() -> Result<Vec<PathBuf>, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/hub-tools");
    let tools = ["new/bin/hf", "old/bin/huggingface-cli"].map(|name| folder.join(name));
    match tools.iter().find(|tool| !tool.exists()) {
        None => Ok(tools.to_vec()),
        Some(missing) => Err(format!(
            "no {}: tests/run installs it",
            missing.strip_prefix(&folder).unwrap_or(missing).display()
        )),
    }
}

/// The fetcher of a bench.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::figures) enum Client {
    /// The command at this path.
    Command(PathBuf),
    /// The fetcher of this project.
    Native,
}

impl Client {
    /// Reads a client from the argument of a process.
    fn from_argument(argument: &str) -> Self {
        match argument {
            NATIVE => Self::Native,
            path => Self::Command(path.into()),
        }
    }

    /// The client as the argument of a process.
    pub(super) fn argument(&self) -> &Path {
        match self {
            Self::Command(path) => path,
            Self::Native => Path::new(NATIVE),
        }
    }

    /// Whether the client is a command of the old name.
    pub(super) fn is_old(&self) -> bool {
        matches!(self, Self::Command(path) if path.ends_with("huggingface-cli"))
    }

    /// Creates the fetcher.
    pub(super) fn fetcher(
        &self,
        catalog: &FsCatalog,
        endpoint: &str,
        token: Option<&str>,
    ) -> Result<Box<dyn ModelFetcher>, String> {
        let store = catalog.artifacts();
        Ok(match self {
            Self::Command(path) => {
                let fetcher = HfCliFetcher::new(store).command(path).endpoint(endpoint);
                Box::new(match token {
                    Some(token) => fetcher.token(token),
                    None => fetcher,
                })
            }
            Self::Native => {
                let hub = HubConfig::default().endpoint(endpoint);
                let hub = match token {
                    Some(token) => hub.token(token),
                    None => hub,
                };
                // The hub may have a name of this host, which is no literal address.
                let network = network().hub(hub).allow_http();
                let fetcher = HfFetcher::new(store, network);
                Box::new(fetcher.map_err(|error| chain(&error))?)
            }
        })
    }
}

/// The argument that stands for the fetcher of this project.
const NATIVE: &str = "native";

/// A hub with a repository, and a root to provision into.
pub(super) struct Bench {
    pub(super) hub: Hub,
    pub(super) client: Client,
    sabotage: Sabotage,
    folder: tempfile::TempDir,
}

impl Bench {
    pub(super) fn new(client: &Client, sabotage: Sabotage) -> Result<Self, String> {
        let hub = Hub::start().map_err(|error| error.to_string())?;
        hub.put(REPOSITORY, "main", repository());
        Ok(Self {
            hub,
            client: client.clone(),
            sabotage,
            folder: tempfile::tempdir().map_err(|error| error.to_string())?,
        })
    }

    pub(super) fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    pub(super) fn fetcher(&self, catalog: &FsCatalog) -> Result<Box<dyn ModelFetcher>, String> {
        self.client.fetcher(catalog, &self.hub.endpoint(), None)
    }

    pub(super) fn provisioner_of(&self, token: Option<&str>) -> Result<Provisioner, String> {
        let catalog = FsCatalog::new(self.root()).map_err(|error| error.to_string())?;
        let fetcher = self.client.fetcher(&catalog, &self.hub.endpoint(), token)?;
        let router = SchemeRouter::new().with(fetcher).with(FileFetcher);
        Ok(ModelProvisioner::new(catalog, router))
    }

    pub(super) fn provisioner(&self) -> Result<Provisioner, String> {
        self.provisioner_of(None)
    }

    pub(super) fn try_provision(&self, text: &str) -> Result<ProvisionReport, ProvisionError> {
        let provisioner = self.provisioner().expect("a root can be opened");
        provisioner.provision(&ProvisionRequest::new(ModelRef::parse(text)?))
    }

    pub(super) fn provision(&self, text: &str) -> Result<ProvisionReport, String> {
        let report = self.try_provision(text).map_err(|error| chain(&error))?;
        if self.sabotage == Sabotage::ChangedModel {
            let weights = report.resolved.local_path.join("weights.bin");
            if weights.exists() {
                write_over(&weights, b"other weights");
            }
        }
        Ok(report)
    }

    /// A call fails with this code, registers nothing, and leaves nothing.
    pub(super) fn refuses(&self, text: &str, code: &str) -> Result<String, String> {
        let error = match self.try_provision(text) {
            Ok(_) => return Err(format!("{text} succeeded")),
            Err(error) => error,
        };
        if error.code() != code {
            return Err(format!(
                "{} and not {code}: {}",
                error.code(),
                chain(&error)
            ));
        }
        self.check_empty()?;
        Ok(chain(&error))
    }

    /// Nothing is registered, staged or published.
    pub(super) fn check_empty(&self) -> Result<(), String> {
        let catalog = FsCatalog::new(self.root()).map_err(|error| error.to_string())?;
        let entries = catalog.list().map_err(|error| error.to_string())?;
        if !entries.is_empty() {
            return Err(format!("registered: {entries:?}"));
        }
        self.check_no_staging()?;
        let artifacts = self.root().join("artifacts");
        let left = fs::read_dir(artifacts).map_or(0, |entries| entries.count());
        same(left, 0, "artifacts left")
    }

    /// Nothing is staged, except files that a later call of this project's fetcher continues.
    pub(super) fn check_no_staging(&self) -> Result<(), String> {
        let staged = fs::read_dir(self.root().join("staging"))
            .into_iter()
            .flatten()
            .flatten();
        let is_left = |area: &fs::DirEntry| {
            let is_continued = area.path().join("journal.json").exists();
            self.client != Client::Native || !is_continued
        };
        same(staged.filter(is_left).count(), 0, "staging folders left")
    }

    /// Fails if processes still ask this hub after a while.
    pub(super) fn check_no_process(&self) -> Result<(), String> {
        let endpoint = format!("HF_ENDPOINT={}", self.hub.endpoint());
        let begin = Instant::now();
        loop {
            let count = processes_with(&endpoint);
            if count == 0 {
                return Ok(());
            }
            if begin.elapsed() > Duration::from_secs(5) {
                return Err(format!("{count} processes still run"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// How many processes have this in their environment.
pub(super) fn processes_with(variable: &str) -> usize {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let environments = processes.filter_map(|entry| fs::read(entry.path().join("environ")).ok());
    environments
        .filter(|text| {
            text.split(|byte| *byte == 0)
                .any(|one| one == variable.as_bytes())
        })
        .count()
}

/// A repository of each kind of file.
pub(in crate::figures) fn repository() -> Repo {
    Repo::default()
        .with("config.json", RepoFile::small("{\"model_type\": \"toy\"}"))
        .with("weights.bin", RepoFile::large(bytes(300_000, 1)))
        .with("q4/tiny-00001-of-00002.gguf", RepoFile::large(gguf(1)))
        .with("q4/tiny-00002-of-00002.gguf", RepoFile::large(gguf(2)))
        .with("tokenizer/vocab.txt", RepoFile::small("a\nb\n"))
        .with("tokenizer/merges.bin", RepoFile::large(bytes(2_000, 3)))
}

/// Bytes of a model.
pub(super) fn bytes(len: usize, seed: u8) -> Vec<u8> {
    let byte = |at: usize| (at % 251) as u8 ^ seed;
    (0..len).map(byte).collect()
}

/// The smallest file that is one of GGUF: no tensors, no metadata, and some bytes behind.
pub(super) fn gguf(seed: u8) -> Vec<u8> {
    let mut file = b"GGUF".to_vec();
    file.extend(3_u32.to_le_bytes());
    file.extend(0_u64.to_le_bytes());
    file.extend(0_u64.to_le_bytes());
    file.extend([seed; 40]);
    file
}

/// An error with all its causes.
pub(in crate::figures) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

pub(super) fn same<T: PartialEq + std::fmt::Debug>(
    found: T,
    wanted: T,
    what: &str,
) -> Result<(), String> {
    match found == wanted {
        true => Ok(()),
        false => Err(format!("{what}: {found:?}, not {wanted:?}")),
    }
}

/// A process that provisions: `ROOT COMMAND ENDPOINT REFERENCE`.
pub fn run_provision(arguments: &[String]) -> Result<(), String> {
    let [root, command, endpoint, reference] = arguments else {
        return Err("ROOT COMMAND ENDPOINT REFERENCE".to_owned());
    };
    let catalog = FsCatalog::new(root).map_err(|error| error.to_string())?;
    let fetcher = Client::from_argument(command).fetcher(&catalog, endpoint, None)?;
    let provisioner = ModelProvisioner::new(catalog, fetcher);
    let done = provisioner.ensure_present_str(reference, None);
    done.map(drop).map_err(|error| chain(&error))
}
