use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use catalog_core::{CatalogError, Digest, LocalModel, LocalModelKind};
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::report::ProvisionReport;

/// The version of the document that this release writes and reads.
const VERSION: u32 = 1;

/// The handoff of a provisioned model to an engine. It borrows the report, which holds the lease,
/// so the model stays on disk for as long as the handoff is used.
///
/// ```
/// use catalog_core::ModelRef;
/// use model_provisioner::{
///     EngineView, Handoff, HandoffDocument, ModelProvisioner, ProvisionRequest,
/// };
///
/// # let folder = tempfile::tempdir()?;
/// # let model = folder.path().join("model.gguf");
/// # std::fs::write(&model, b"GGUF")?;
/// let provisioner = ModelProvisioner::file_only(folder.path().join("cache"))?;
/// let report = provisioner.provision(&ProvisionRequest::new(ModelRef::File { path: model }))?;
/// let handoff = Handoff::of(&report)?;
/// handoff.write(&folder.path().join("handoff.json"))?;
///
/// let document = HandoffDocument::read(&folder.path().join("handoff.json"))?;
/// assert_eq!(&document, handoff.document());
/// assert_eq!(document.view, EngineView::File);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Handoff<'r> {
    report: &'r ProvisionReport,
    document: HandoffDocument,
}

/// The facts about a model that a program needs to start an engine, as a small JSON document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HandoffDocument {
    /// The version of this document: 1.
    pub version: u32,
    /// The catalog id of the model.
    pub id: String,
    /// The path to give to the engine.
    pub path: PathBuf,
    /// The digest of the model, as `algorithm:hex`, if a caller or the source stated a digest and
    /// the bytes have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The size of the model in bytes.
    pub size: u64,
    /// The kind of the path.
    pub view: EngineView,
    /// The paths of the companions of the model, such as a projector (`mmproj`). Engines take them
    /// in separate options. The digest does not prove them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub companions: Vec<PathBuf>,
}

/// The kind of the path of a model, as an engine sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EngineView {
    /// One file.
    File,
    /// The first shard of a set. The other shards are in the same folder.
    FirstShard,
    /// A folder.
    Folder,
}

impl<'r> Handoff<'r> {
    /// Creates the handoff of a provisioned model. The path of a set of shards is the path of the
    /// first shard.
    ///
    /// # Errors
    ///
    /// The errors of [`LocalModel::resolve`] and [`LocalModel::companions`].
    pub fn of(report: &'r ProvisionReport) -> Result<Self> {
        let model = LocalModel::resolve(&report.resolved.local_path)?;
        let view = match model.kind() {
            LocalModelKind::File => EngineView::File,
            LocalModelKind::ShardSet => EngineView::FirstShard,
            LocalModelKind::Folder => EngineView::Folder,
        };
        let digest = report.digest.as_ref().filter(|_| report.is_proven());
        Ok(Self {
            report,
            document: HandoffDocument {
                version: VERSION,
                id: report.resolved.id.clone(),
                path: model.engine_path().to_path_buf(),
                digest: digest.map(Digest::to_string),
                size: model.size(),
                view,
                companions: model.companions()?,
            },
        })
    }

    /// Returns the report of the model, which holds the lease.
    pub fn report(&self) -> &'r ProvisionReport {
        self.report
    }

    /// Returns the document.
    pub fn document(&self) -> &HandoffDocument {
        &self.document
    }

    /// Writes the document, as [`HandoffDocument::write`] does.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Io`] if the document cannot be written or synced.
    pub fn write(&self, path: &Path) -> Result<()> {
        self.document.write(path)
    }
}

impl HandoffDocument {
    /// Writes the document, and replaces a file at the path. A reader sees either the whole old
    /// file or the whole new file. When the call returns, the new file survives a power cut.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Io`] if the document cannot be written or synced.
    pub fn write(&self, path: &Path) -> Result<()> {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let text = serde_json::to_string_pretty(self).expect("it has only text and numbers");
        let mut file = tempfile::Builder::new()
            .prefix(".handoff-")
            // The umask of the process decides which accounts may read the file.
            .permissions(fs::Permissions::from_mode(0o666))
            .tempfile_in(folder)
            .map_err(failed("create a temporary file in", folder))?;
        file.write_all(text.as_bytes())
            .and_then(|()| file.write_all(b"\n"))
            .and_then(|()| file.as_file().sync_all())
            .map_err(failed("write", path))?;
        file.persist(path)
            .map_err(|error| failed("replace", path)(error.error))?;
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(failed("sync folder", folder))?;
        Ok(())
    }

    /// Reads a document.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Io`] if the file cannot be read, is not such a document, or has another
    /// version.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).map_err(failed("read", path))?;
        let handoff = serde_json::from_str(&text).map_err(std::io::Error::from);
        let handoff: Self = handoff.map_err(failed("read", path))?;
        if handoff.version != VERSION {
            let other = format!("it has version {}, not {VERSION}", handoff.version);
            return Err(failed("read", path)(std::io::Error::other(other)).into());
        }
        Ok(handoff)
    }
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> CatalogError {
    let path = path.to_path_buf();
    move |source| CatalogError::Io {
        action,
        path,
        source,
    }
}
