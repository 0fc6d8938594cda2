use std::borrow::Cow;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::{DigestError, FetchProblem, ModelRefError, PathProblem};

/// The result of every call of this crate.
pub type Result<T, E = CatalogError> = std::result::Result<T, E>;

/// The error of every call of `catalog-core`, with one variant for each reaction of a caller.
///
/// `Display` prints the problem, and the repair if there is one. It never repeats the text of
/// [`source`](std::error::Error::source), so a program prints the causes, too:
///
/// ```
/// use std::error::Error;
///
/// fn print(error: &dyn Error) {
///     eprintln!("error: {error}");
///     let mut cause = error.source();
///     while let Some(error) = cause {
///         eprintln!("  caused by: {error}");
///         cause = error.source();
///     }
/// }
/// # print(&catalog_core::CatalogError::Cancelled);
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// The text is not a model reference: correct it.
    #[error(transparent)]
    InvalidRef(#[from] ModelRefError),

    /// The digest is malformed, unknown, or of the wrong kind: correct it.
    #[error(transparent)]
    InvalidDigest(#[from] DigestError),

    /// A field of the entry cannot be stored: correct the entry.
    #[error("entry {id:?}: {problem}")]
    InvalidEntry {
        /// The id of the entry, possibly empty.
        id: String,
        /// The field and its problem.
        problem: &'static str,
    },

    /// A path cannot be an artifact of this catalog: give another path.
    #[error("path {path:?} cannot be an artifact")]
    PathRefused {
        /// The path that the caller gave.
        path: PathBuf,
        /// The reason.
        #[source]
        problem: PathProblem,
    },

    /// There is no entry with this id: register the model first.
    #[error("no entry {id:?} in {catalog}", catalog = catalog.display())]
    NotFound {
        /// The id that the caller gave.
        id: String,
        /// The index that was searched.
        catalog: PathBuf,
    },

    /// The entry is not as a conditional write expected: read the entry again, then decide.
    #[error("entry {id:?} is not {expected}; another caller changed it; read the entry again")]
    Conflict {
        /// The id of the entry.
        id: String,
        /// The expectation of the caller.
        expected: &'static str,
    },

    /// Nothing is at the path of the model: put the model there, or correct the path.
    #[error("nothing is at {path}; check the path, or whether its volume is mounted", path = path.display())]
    ArtifactMissing {
        /// The absolute path.
        path: PathBuf,
    },

    /// The thing at the path cannot be a model: give a file or a folder of files.
    #[error("{path} is {found}; a model is a regular file or a folder of regular files", path = path.display())]
    ArtifactUnusable {
        /// The absolute path.
        path: PathBuf,
        /// The kind of the thing at the path.
        found: &'static str,
    },

    /// The artifact changed while it was read, so its digest proves nothing: try again when the
    /// writer is done.
    #[error("{path} changed while it was being read; try again when its writer is done", path = path.display())]
    ArtifactChanged {
        /// The absolute path.
        path: PathBuf,
    },

    /// The entry was deleted, but its artifact could not be removed. A later collection removes the
    /// artifact once the cause is repaired. In a catalog without collections, remove it by hand.
    #[error("the entry {id:?} is deleted, but {path} could not be removed", path = path.display())]
    ArtifactKept {
        /// The id of the deleted entry.
        id: String,
        /// The path of the artifact.
        path: PathBuf,
        /// The reason why it could not be removed.
        #[source]
        source: Box<CatalogError>,
    },

    /// No fetcher of the provisioner serves the reference: add such a fetcher, or download the
    /// model and refer to the local file.
    #[error("no fetcher serves this `{scheme}:` reference ({reference}); {repair}")]
    NoFetcher {
        /// The scheme, without the colon.
        scheme: String,
        /// The reference, without secrets.
        reference: String,
        /// The repair for the user.
        repair: Cow<'static, str>,
    },

    /// The index is damaged: recover it. The damaged file was left as it is, and is never
    /// overwritten.
    #[error("{path} is damaged: {detail}; it was left untouched: {repair}", path = path.display())]
    IndexDamaged {
        /// The index.
        path: PathBuf,
        /// The defect.
        detail: String,
        /// The repair for the operator.
        repair: &'static str,
    },

    /// A newer release wrote the index: upgrade this program. The file was left as it is.
    #[error("{path} has schema version {found}, this program reads up to {supported}; it was left untouched: upgrade this program", path = path.display())]
    IndexTooNew {
        /// The index.
        path: PathBuf,
        /// The version that the file states.
        found: u64,
        /// The newest version that this program reads.
        supported: u64,
    },

    /// A newer release wrote a file of the artifact store: upgrade this program. The file was left
    /// as it is.
    #[error("{path} was written by a newer release: it has version {found}, this program reads up to {supported}; it was left untouched: upgrade this program", path = path.display())]
    StoreTooNew {
        /// The file.
        path: PathBuf,
        /// The version that the file states.
        found: u64,
        /// The newest version that this program reads.
        supported: u64,
    },

    /// The root is no longer the folder that was opened: mount or restore the folder, then open the
    /// catalog again.
    #[error("the root {root} was deleted, replaced or unmounted since it was opened; restore it and open it again", root = root.display())]
    RootChanged {
        /// The root.
        root: PathBuf,
    },

    /// This process cannot write the store, because a permission is missing or the file system is
    /// read-only: grant the permission, or use another root.
    #[error("cannot {action} {path}: this process cannot write the store; {repair}", path = path.display())]
    NotWritable {
        /// The action that failed.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The missing permission, and the repair for the operator.
        repair: String,
        /// The error of the operating system.
        source: io::Error,
    },

    /// The file system has no locks, so writers could overwrite each other: use another file
    /// system, or [`Locking::SingleProcess`](crate::Locking::SingleProcess) if only this process
    /// writes.
    #[error("the file system of {path} ({file_system}) has no locks; put the root on another one, or choose Locking::SingleProcess if no other process writes there", path = path.display())]
    LocksUnsupported {
        /// The lock file.
        path: PathBuf,
        /// The kind of its file system, as its mount names it, such as `nfs4`.
        file_system: String,
        /// The error of the operating system.
        source: io::Error,
    },

    /// A root cannot be on this kind of file system, because its locks do not exclude writers on
    /// other hosts: put the root elsewhere.
    #[error("the root {root} cannot be on this file system ({file_system}): {repair}", root = root.display())]
    FileSystemRefused {
        /// The root.
        root: PathBuf,
        /// The kind of the file system, as its mount names it, such as `nfs4`.
        file_system: String,
        /// The repair for the operator.
        repair: &'static str,
    },

    /// Another writer held the lock for longer than this call may wait: try again.
    #[error("waited {waited:?} for the lock {path}, held by {holder}", path = path.display())]
    LockTimeout {
        /// The lock file.
        path: PathBuf,
        /// The holder of the lock and the time since which it holds the lock, as the holder wrote
        /// them into the file.
        holder: String,
        /// The time for which this call waited.
        waited: Duration,
    },

    /// The sync or rename of a write failed, so the change may or may not be durable: read the file
    /// again before you repeat the change.
    #[error("it is unknown whether {path} was replaced: {action} failed; read the file again before you repeat the change", path = path.display())]
    OutcomeUnknown {
        /// The file that was to be replaced.
        path: PathBuf,
        /// The step that failed.
        action: &'static str,
        /// The error of that step.
        source: io::Error,
    },

    /// The account of this process lacks a permission: grant the permission.
    #[error("cannot {action} {path}: {repair}", path = path.display())]
    PermissionDenied {
        /// The action that failed.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The missing permission, and the repair for the operator.
        repair: String,
        /// The error of the operating system.
        source: io::Error,
    },

    /// This process, or the host, has reached its limit of open files: try again when other calls
    /// have ended, or raise the limit.
    #[error("cannot {action} {path}: too many files are open; raise the limit of open files (`ulimit -n`), or make fewer calls at the same time", path = path.display())]
    OutOfHandles {
        /// The action that failed, as a verb phrase.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },

    /// The operating system refused an operation.
    #[error("cannot {action} {path}", path = path.display())]
    Io {
        /// The action that failed, as a verb phrase.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },

    /// A name cannot be the name of a file of a model: rename the file at its source.
    #[error("{name:?} cannot be the name of a file of a model: {problem}")]
    NameRefused {
        /// The refused name.
        name: String,
        /// The problem.
        problem: String,
    },

    /// The bytes do not have the expected digest: fetch them again, or check the digest with its
    /// author.
    #[error("digest mismatch for {path}: expected {expected}, got {actual}; fetch the model again, or pass the digest of the new bytes", path = path.display())]
    DigestMismatch {
        /// The file or folder that was hashed.
        path: PathBuf,
        /// The expected digest.
        expected: String,
        /// The digest of the bytes.
        actual: String,
    },

    /// Files of the model are missing: add them.
    #[error("{path} lacks {missing}; the model cannot be loaded without these files", path = path.display(), missing = missing.join(", "))]
    ArtifactIncomplete {
        /// The folder of the model, or a file of its set.
        path: PathBuf,
        /// The names of the missing files, sorted.
        missing: Vec<String>,
    },

    /// The headers of some shards name another set, or another position in the set: fetch these
    /// files again.
    #[error("{path} holds {foreign}; the headers of these shards contradict their names; fetch them again", path = path.display(), foreign = foreign.join(", "))]
    ForeignShards {
        /// The folder of the set.
        path: PathBuf,
        /// The names of the files whose headers are wrong, sorted.
        foreign: Vec<String>,
    },

    /// A file does not have the format that its name states, such as a page of HTML instead of
    /// weights: fetch the file again.
    #[error("{path} is not a {format} file: {problem}", path = path.display())]
    FormatRefused {
        /// The file.
        path: PathBuf,
        /// The format that its name states.
        format: &'static str,
        /// The problem.
        problem: String,
    },

    /// The bytes to stage do not fit on the disk or into the budget: free some space, or wait for
    /// other processes.
    #[error("{needed} bytes are needed below {root}, {free} are free and {reserved} of them are reserved{holders}", root = root.display())]
    NoSpace {
        /// The root.
        root: PathBuf,
        /// The number of bytes to stage.
        needed: u64,
        /// The number of free bytes on the disk or in the budget.
        free: u64,
        /// The number of those bytes that other stagings have reserved and not written yet.
        reserved: u64,
        /// The processes that reserved these bytes, as ` by …`, or an empty text.
        holders: String,
    },

    /// The model is pinned: unpin it first.
    #[error("model {id:?} is pinned by {owner} ({reason}); unpin it first")]
    Pinned {
        /// The id of the model.
        id: String,
        /// The owner of the pin.
        owner: String,
        /// The reason.
        reason: String,
    },

    /// A process holds a lease on the artifact: try again later.
    #[error("{path} is in use: a process holds a lease on it", path = path.display())]
    InUse {
        /// The artifact.
        path: PathBuf,
    },

    /// A file of the artifact store is damaged: verify or repair its model.
    #[error("{path} is damaged: {detail}; {repair}", path = path.display())]
    StoreDamaged {
        /// The file.
        path: PathBuf,
        /// The defect.
        detail: String,
        /// The repair for the operator.
        repair: &'static str,
    },

    /// A fetcher could not fetch the model, and nothing was registered. The fetcher states the
    /// repair.
    #[error("cannot fetch {reference}: {detail}; {repair}", detail = detail.trim_end_matches(['.', ';', ':', ' ']))]
    Fetch {
        /// The reference, without secrets.
        reference: String,
        /// The kind of problem.
        problem: FetchProblem,
        /// The message of the source or the tool, without secrets.
        detail: String,
        /// The repair for the user.
        repair: Cow<'static, str>,
    },

    /// The deadline of the call passed: try again with a later deadline.
    #[error("the deadline passed while {action}; try again with a later deadline")]
    DeadlineExceeded {
        /// The work that the deadline ended, such as "hashing".
        action: &'static str,
    },

    /// The closure of an update wrote to the root that the update changes: write through the edit
    /// of the closure, or after the update.
    #[error("an update of {root} wrote to the same root inside its closure; use the edit of the closure, or write after the update", root = root.display())]
    NestedWrite {
        /// The root.
        root: PathBuf,
    },

    /// The caller cancelled the call. Another call can continue from the state that this one left.
    #[error("the caller cancelled the call")]
    Cancelled,
}
