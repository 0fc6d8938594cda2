use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{DigestError, ModelRefError, PathProblem};

/// Shorthand for the result of every call of this crate.
pub type Result<T, E = CatalogError> = std::result::Result<T, E>;

/// Everything that `catalog-core` can fail with; one variant for each thing a caller can do.
///
/// `Display` says what happened and, where there is one, the repair; it never repeats what
/// [`source`](std::error::Error::source) says.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// The text is not a model reference: correct it.
    #[error(transparent)]
    InvalidRef(#[from] ModelRefError),

    /// The digest is malformed, unknown, or of the wrong kind: correct it.
    #[error(transparent)]
    InvalidDigest(#[from] DigestError),

    /// An entry's field cannot be stored: correct the entry.
    #[error("entry {id:?}: {problem}")]
    InvalidEntry {
        /// The id of the entry, possibly empty.
        id: String,
        /// What is wrong with which field.
        problem: &'static str,
    },

    /// A path cannot be an artifact of this catalog: give another.
    #[error("path {path:?} cannot be an artifact")]
    PathRefused {
        /// The path as it was given.
        path: PathBuf,
        /// Why.
        #[source]
        problem: PathProblem,
    },

    /// There is no entry with that id: register it first.
    #[error("no entry {id:?} in {catalog}", catalog = catalog.display())]
    NotFound {
        /// The id that was asked for.
        id: String,
        /// The index that was asked.
        catalog: PathBuf,
    },

    /// A conditional write found something else than it expected: read again, then decide.
    #[error("entry {id:?} is not {expected}; somebody else changed it, read it again")]
    Conflict {
        /// The entry.
        id: String,
        /// What the caller expected of it.
        expected: &'static str,
    },

    /// Nothing is at the place that a reference names: put the model there or correct the path.
    #[error("nothing is at {path}; check the path, or whether its volume is mounted", path = path.display())]
    ArtifactMissing {
        /// The absolute path.
        path: PathBuf,
    },

    /// Something is there, but it can be no model: give a file or a folder of files.
    #[error("{path} is {found}; a model is a regular file or a folder of regular files", path = path.display())]
    ArtifactUnusable {
        /// The absolute path.
        path: PathBuf,
        /// What is there instead.
        found: &'static str,
    },

    /// The artifact changed while it was read, so what was read proves nothing: try again when
    /// its writer is done.
    #[error("{path} changed while it was being read; try again when its writer is done", path = path.display())]
    ArtifactChanged {
        /// The absolute path.
        path: PathBuf,
    },

    /// The entry is gone, but its artifact is still there: remove it by hand once the cause is
    /// mended.
    #[error("the entry {id:?} is deleted, but {path} could not be removed", path = path.display())]
    ArtifactKept {
        /// The entry that was deleted.
        id: String,
        /// What is still there.
        path: PathBuf,
        /// Why it could not be removed.
        #[source]
        source: Box<CatalogError>,
    },

    /// No composed fetcher handles this scheme: compose one, or make the model a local file.
    #[error("nothing here fetches `{scheme}:` references ({reference}); {repair}")]
    NoFetcher {
        /// The scheme without its colon.
        scheme: &'static str,
        /// The reference, without secrets.
        reference: String,
        /// What the user can do.
        repair: &'static str,
    },

    /// The index is damaged and was left as it is: restore it; it is never overwritten.
    #[error("{path} is damaged: {detail}; it was left untouched: {repair}", path = path.display())]
    IndexDamaged {
        /// The index.
        path: PathBuf,
        /// What does not add up.
        detail: String,
        /// What the operator can do.
        repair: &'static str,
    },

    /// The index was written by a newer release and was left as it is: upgrade this program.
    #[error("{path} has schema version {found}, this program reads up to {supported}; it was left untouched: upgrade this program", path = path.display())]
    IndexTooNew {
        /// The index.
        path: PathBuf,
        /// The version it states.
        found: u64,
        /// The newest version this program reads.
        supported: u64,
    },

    /// The root is not the folder that was opened: mount or restore it, then open it again.
    #[error("the root {root} was deleted, replaced or unmounted since it was opened; restore it and open it again", root = root.display())]
    RootChanged {
        /// The root.
        root: PathBuf,
    },

    /// The store can only be read here, as its files or their file system are not writable for
    /// this process: give it the permission, or write elsewhere.
    #[error("cannot {action} {path}: the store can only be read here; make it writable for this process to change it", path = path.display())]
    NotWritable {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the operating system answered.
        source: io::Error,
    },

    /// The file system has no locks, so writers cannot be kept apart: use another, or
    /// [`Locking::SingleProcess`](crate::Locking::SingleProcess) if only this process writes.
    #[error("the file system of {path} ({file_system}) has no locks; put the root on another one, or choose Locking::SingleProcess if no other process writes there", path = path.display())]
    LocksUnsupported {
        /// The lock file.
        path: PathBuf,
        /// The kind of its file system, as its mount names it, such as `nfs4`.
        file_system: String,
        /// What the operating system answered.
        source: io::Error,
    },

    /// Another writer held the lock for longer than the caller wanted to wait: try again.
    #[error("waited {waited:?} for the lock {path}, held by {holder}", path = path.display())]
    LockTimeout {
        /// The lock file.
        path: PathBuf,
        /// Who holds it and since when, as it wrote into the file.
        holder: String,
        /// How long this caller waited.
        waited: Duration,
    },

    /// A write was begun and its sync or rename failed, so it may or may not have happened: the
    /// next call reads the truth from disk.
    #[error("it is unknown whether {path} was replaced: {action} failed; read it again before repeating the change", path = path.display())]
    OutcomeUnknown {
        /// The file that was to be replaced.
        path: PathBuf,
        /// The step that failed.
        action: &'static str,
        /// The error of that step.
        source: io::Error,
    },

    /// The operating system refused an operation.
    #[error("cannot {action} {path}", path = path.display())]
    Io {
        /// What was tried, as a verb phrase.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the operating system answered.
        source: io::Error,
    },
}

impl CatalogError {
    /// A stable, lower-case name of the variant, for metrics, HTTP mappings and log searches.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidRef(error) if error.kind().is_unsupported_scheme() => "unsupported_scheme",
            Self::InvalidRef(_) => "invalid_ref",
            Self::InvalidDigest(_) => "invalid_digest",
            Self::InvalidEntry { .. } => "invalid_entry",
            Self::PathRefused { .. } => "path_refused",
            Self::NotFound { .. } => "not_found",
            Self::Conflict { .. } => "conflict",
            Self::ArtifactMissing { .. } => "artifact_missing",
            Self::ArtifactUnusable { .. } => "artifact_unusable",
            Self::ArtifactChanged { .. } => "artifact_changed",
            Self::ArtifactKept { .. } => "artifact_kept",
            Self::NoFetcher { .. } => "no_fetcher",
            Self::IndexDamaged { .. } => "index_damaged",
            Self::IndexTooNew { .. } => "index_too_new",
            Self::RootChanged { .. } => "root_changed",
            Self::NotWritable { .. } => "not_writable",
            Self::LocksUnsupported { .. } => "locks_unsupported",
            Self::LockTimeout { .. } => "lock_timeout",
            Self::OutcomeUnknown { .. } => "outcome_unknown",
            Self::Io { .. } => "io",
        }
    }

    /// Whether trying again may succeed with nothing mended by hand; after a
    /// [`Conflict`](Self::Conflict), once the entry has been read again.
    ///
    /// [`OutcomeUnknown`](Self::OutcomeUnknown) is not: whoever repeats a change must first look
    /// whether it happened.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Conflict { .. } | Self::ArtifactChanged { .. } | Self::LockTimeout { .. } => true,
            Self::Io { source, .. } => matches!(
                source.kind(),
                io::ErrorKind::Interrupted
                    | io::ErrorKind::WouldBlock
                    | io::ErrorKind::TimedOut
                    | io::ErrorKind::ResourceBusy
            ),
            _ => false,
        }
    }

    pub(crate) fn io(action: &'static str, path: impl AsRef<Path>, source: io::Error) -> Self {
        Self::Io {
            action,
            path: path.as_ref().to_path_buf(),
            source,
        }
    }

    /// The same error where it came from writing: then a missing permission or a read-only file
    /// system is [`NotWritable`](Self::NotWritable).
    pub(crate) fn of_writing(self) -> Self {
        match self {
            Self::Io {
                action,
                path,
                source,
            } if matches!(
                source.kind(),
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
            ) =>
            {
                Self::NotWritable {
                    action,
                    path,
                    source,
                }
            }
            other => other,
        }
    }

    /// The same error for another thread whose change was in the same write.
    pub(crate) fn duplicate(&self) -> Self {
        let same = |error: &io::Error| match error.raw_os_error() {
            Some(code) => io::Error::from_raw_os_error(code),
            None => io::Error::new(error.kind(), error.to_string()),
        };
        match self {
            Self::OutcomeUnknown {
                path,
                action,
                source,
            } => Self::OutcomeUnknown {
                path: path.clone(),
                action,
                source: same(source),
            },
            Self::NotWritable {
                action,
                path,
                source,
            } => Self::NotWritable {
                action,
                path: path.clone(),
                source: same(source),
            },
            Self::Io {
                action,
                path,
                source,
            } => Self::io(action, path, same(source)),
            Self::RootChanged { root } => Self::RootChanged { root: root.clone() },
            other => Self::io("write", Path::new(""), io::Error::other(other.to_string())),
        }
    }

    pub(crate) fn path_refused(path: impl AsRef<Path>, problem: PathProblem) -> Self {
        Self::PathRefused {
            path: path.as_ref().to_path_buf(),
            problem,
        }
    }
}
