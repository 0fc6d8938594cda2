use std::borrow::Cow;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::{DigestError, FetchProblem, ModelRefError, PathProblem};

/// Shorthand for the result of every call of this crate.
pub type Result<T, E = CatalogError> = std::result::Result<T, E>;

/// The error of every call of `catalog-core`; one variant for each reaction of a caller.
///
/// `Display` gives the problem and the repair, if there is one. It never repeats the text of
/// [`source`](std::error::Error::source).
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
        /// The field and its problem.
        problem: &'static str,
    },

    /// A path cannot be an artifact of this catalog: give another.
    #[error("path {path:?} cannot be an artifact")]
    PathRefused {
        /// The path as it was given.
        path: PathBuf,
        /// The reason.
        #[source]
        problem: PathProblem,
    },

    /// There is no entry with that id: register it first.
    #[error("no entry {id:?} in {catalog}", catalog = catalog.display())]
    NotFound {
        /// The id that was asked for.
        id: String,
        /// The index that was searched.
        catalog: PathBuf,
    },

    /// The entry is not as a conditional write expected it: read it again, then decide.
    #[error("entry {id:?} is not {expected}; somebody else changed it, read it again")]
    Conflict {
        /// The entry.
        id: String,
        /// The expectation of the caller.
        expected: &'static str,
    },

    /// Nothing is at the place that a reference names: put the model there or correct the path.
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

    /// The artifact changed while it was read, so its digest proves nothing: try again when its
    /// writer is done.
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
        /// The path that is still there.
        path: PathBuf,
        /// The reason why it could not be removed.
        #[source]
        source: Box<CatalogError>,
    },

    /// No composed fetcher handles this scheme: compose one, or make the model a local file.
    #[error("nothing here fetches `{scheme}:` references ({reference}); {repair}")]
    NoFetcher {
        /// The scheme without its colon.
        scheme: String,
        /// The reference, without secrets.
        reference: String,
        /// The repair for the user.
        repair: Cow<'static, str>,
    },

    /// The index is damaged and was left as it is: restore it; it is never overwritten.
    #[error("{path} is damaged: {detail}; it was left untouched: {repair}", path = path.display())]
    IndexDamaged {
        /// The index.
        path: PathBuf,
        /// The defect.
        detail: String,
        /// The repair for the operator.
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

    /// A file of the artifact store was written by a newer release and was left as it is: upgrade
    /// this program.
    #[error("{path} was written by a newer release: it has version {found}, this program reads up to {supported}; it was left untouched: upgrade this program", path = path.display())]
    StoreTooNew {
        /// The file.
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
    #[error("cannot {action} {path}: the store can only be read here; {repair}", path = path.display())]
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

    /// The file system has no locks, so writers cannot be kept apart: use another, or
    /// [`Locking::SingleProcess`](crate::Locking::SingleProcess) if only this process writes.
    #[error("the file system of {path} ({file_system}) has no locks; put the root on another one, or choose Locking::SingleProcess if no other process writes there", path = path.display())]
    LocksUnsupported {
        /// The lock file.
        path: PathBuf,
        /// The kind of its file system, as its mount names it, such as `nfs4`.
        file_system: String,
        /// The error of the operating system.
        source: io::Error,
    },

    /// A root cannot be on this kind of file system, because its locks do not keep the writers of
    /// several hosts apart: put the root elsewhere.
    #[error("the root {root} is on a file system that is refused ({file_system}): {repair}", root = root.display())]
    FileSystemRefused {
        /// The root.
        root: PathBuf,
        /// The kind of the file system, as its mount names it, such as `nfs4`.
        file_system: String,
        /// The repair for the operator.
        repair: &'static str,
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

    /// The account of this process lacks a permission: grant it.
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

    /// This process, or the host, has as many files open as it may: try again when other calls have
    /// ended, or raise the limit.
    #[error("cannot {action} {path}: too many files are open; raise the limit of open files (`ulimit -n`), or make fewer calls at once", path = path.display())]
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

    /// A name is not fit for a file of an artifact: rename it at its source.
    #[error("{name:?} cannot be the name of a file of a model: {problem}")]
    NameRefused {
        /// The name as it was given.
        name: String,
        /// The problem.
        problem: String,
    },

    /// The bytes are not the expected ones: fetch them again, or ask who gave the digest.
    #[error("digest mismatch for {path}: expected {expected}, got {actual}; fetch it again, or pass the digest of the new bytes", path = path.display())]
    DigestMismatch {
        /// The file or folder that was hashed.
        path: PathBuf,
        /// The expected digest.
        expected: String,
        /// The digest of the bytes.
        actual: String,
    },

    /// Files of the model are missing: add them.
    #[error("{path} lacks {missing}, without which the model cannot be loaded", path = path.display(), missing = missing.join(", "))]
    ArtifactIncomplete {
        /// The folder, or a file of the set.
        path: PathBuf,
        /// The names of the missing files, sorted.
        missing: Vec<String>,
    },

    /// The headers of some shards say that they belong to another set, or to another place in it:
    /// fetch them again.
    #[error("{path} holds {foreign}, whose headers say that they are other shards than their names say; fetch them again", path = path.display(), foreign = foreign.join(", "))]
    ForeignShards {
        /// The folder of the set.
        path: PathBuf,
        /// The names of these files, sorted.
        foreign: Vec<String>,
    },

    /// A file does not have the format of its name, such as a page of HTML in the place of weights:
    /// fetch it again.
    #[error("{path} is no {format} file: {problem}", path = path.display())]
    FormatRefused {
        /// The file.
        path: PathBuf,
        /// The format that its name states.
        format: &'static str,
        /// The problem.
        problem: String,
    },

    /// The bytes to be staged do not fit: free some space, or wait for the other processes.
    #[error("{needed} bytes are needed below {root}, {free} are free and {reserved} of them are reserved{holders}", root = root.display())]
    NoSpace {
        /// The root.
        root: PathBuf,
        /// The number of bytes to be staged.
        needed: u64,
        /// The number of bytes that the disk, or the budget, has left.
        free: u64,
        /// The number of those bytes that others have reserved and not written yet.
        reserved: u64,
        /// The processes that reserved them; empty, or ` by …`.
        holders: String,
    },

    /// The model is pinned: unpin it first.
    #[error("model {id:?} is pinned by {owner} ({reason}); unpin it first")]
    Pinned {
        /// The model.
        id: String,
        /// The owner of the pin.
        owner: String,
        /// The reason.
        reason: String,
    },

    /// The artifact is in use by a process that holds a lease on it: try again later.
    #[error("{path} is in use: a process holds a lease on it", path = path.display())]
    InUse {
        /// The artifact.
        path: PathBuf,
    },

    /// A file of the artifact store is damaged; nothing is collected until it is mended.
    #[error("{path} is damaged: {detail}; {repair}", path = path.display())]
    StoreDamaged {
        /// The file.
        path: PathBuf,
        /// The defect.
        detail: String,
        /// The repair for the operator.
        repair: &'static str,
    },

    /// A fetcher could not fetch the model; nothing was registered. The repair is that of the fetcher.
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

    /// The deadline of the call passed: try again with a later one.
    #[error("the deadline passed while {action}; try again with a later deadline")]
    DeadlineExceeded {
        /// The work that the deadline ended, as in "hashing".
        action: &'static str,
    },

    /// An `update` closure wrote to the root that it is changing: write through its edit, or after
    /// it.
    #[error("a write to {root} was begun inside an update of the same root; use the edit that the closure is given, or write after the update", root = root.display())]
    NestedWrite {
        /// The root.
        root: PathBuf,
    },

    /// The caller cancelled the call; another call continues from the state that it left.
    #[error("stopped, as its caller asked")]
    Cancelled,
}
