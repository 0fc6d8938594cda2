use std::io;
use std::path::Path;

use super::catalog::CatalogError;
use super::code::{Retry, entry};
use super::path::PathProblem;
use super::permission::missing_permission;

impl CatalogError {
    /// Returns the stable code of the variant, in lower case, for metrics, HTTP replies and
    /// searches in logs.
    pub fn code(&self) -> &'static str {
        match self {
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
            Self::StoreTooNew { .. } => "store_too_new",
            Self::RootChanged { .. } => "root_changed",
            Self::NotWritable { .. } => "not_writable",
            Self::LocksUnsupported { .. } => "locks_unsupported",
            Self::FileSystemRefused { .. } => "file_system_refused",
            Self::LockTimeout { .. } => "lock_timeout",
            Self::OutcomeUnknown { .. } => "outcome_unknown",
            Self::PermissionDenied { .. } => "permission_denied",
            Self::OutOfHandles { .. } => "out_of_handles",
            Self::Io { .. } => "io",
            Self::NameRefused { .. } => "name_refused",
            Self::DigestMismatch { .. } => "digest_mismatch",
            Self::ArtifactIncomplete { .. } => "artifact_incomplete",
            Self::ForeignShards { .. } => "foreign_shards",
            Self::FormatRefused { .. } => "format_refused",
            Self::NoSpace { .. } => "no_space",
            Self::Pinned { .. } => "pinned",
            Self::InUse { .. } => "in_use",
            Self::StoreDamaged { .. } => "store_damaged",
            Self::Fetch { problem, .. } => problem.code(),
            Self::DeadlineExceeded { .. } => "deadline_exceeded",
            Self::NestedWrite { .. } => "nested_write",
            Self::Cancelled => "cancelled",
        }
    }

    /// Returns true if the same call may succeed later without a repair by hand. After a
    /// [`Conflict`](Self::Conflict), read the entry again before you repeat the call.
    ///
    /// Returns false for [`OutcomeUnknown`](Self::OutcomeUnknown): before a caller repeats the
    /// change, it must check whether the change happened.
    pub fn is_retryable(&self) -> bool {
        match (entry(self.code()).map(|code| code.retry), self) {
            (Some(Retry::Depends), Self::Io { source, .. }) => matches!(
                source.kind(),
                io::ErrorKind::Interrupted
                    | io::ErrorKind::WouldBlock
                    | io::ErrorKind::TimedOut
                    | io::ErrorKind::ResourceBusy
            ),
            (retry, _) => retry == Some(Retry::Yes),
        }
    }

    /// Creates the error of an operation that the operating system refused.
    pub(crate) fn io(action: &'static str, path: impl AsRef<Path>, source: io::Error) -> Self {
        // A writer of the store wraps its own error for `io::Write`.
        let source = match source.downcast::<Self>() {
            Ok(error) => return error,
            Err(source) => source,
        };
        /// `ENFILE` and `EMFILE`, the same numbers on Linux and the BSDs.
        const TOO_MANY_OPEN: [i32; 2] = [23, 24];
        let path = path.as_ref().to_path_buf();
        let is_out_of_handles = |code| TOO_MANY_OPEN.contains(&code);
        match source.kind() {
            io::ErrorKind::PermissionDenied => Self::PermissionDenied {
                action,
                repair: missing_permission(&path, &source),
                path,
                source,
            },
            _ if source.raw_os_error().is_some_and(is_out_of_handles) => Self::OutOfHandles {
                action,
                path,
                source,
            },
            _ => Self::Io {
                action,
                path,
                source,
            },
        }
    }

    /// Returns the error for an operation that writes: a missing permission and a read-only file
    /// system become [`NotWritable`](Self::NotWritable).
    pub(crate) fn of_writing(self) -> Self {
        match self {
            Self::Io {
                action,
                path,
                source,
            } if source.kind() == io::ErrorKind::ReadOnlyFilesystem => Self::NotWritable {
                action,
                path,
                repair: "its file system is read-only; mount it writable to change the store"
                    .to_owned(),
                source,
            },
            Self::PermissionDenied {
                action,
                path,
                repair,
                source,
            } => Self::NotWritable {
                action,
                path,
                repair,
                source,
            },
            other => other,
        }
    }

    /// Returns true if the error states that the entry of a model or its files are missing,
    /// unusable or damaged, or changed during the call.
    pub fn is_absence(&self) -> bool {
        match self {
            Self::NotFound { .. }
            | Self::ArtifactMissing { .. }
            | Self::ArtifactUnusable { .. }
            | Self::ArtifactIncomplete { .. }
            | Self::ArtifactChanged { .. }
            | Self::StoreDamaged { .. } => true,
            Self::Io { source, .. } => source.kind() == io::ErrorKind::NotFound,
            _ => false,
        }
    }

    /// Returns true if the error states that the store cannot be written now, although reads may
    /// work: the disk is full or read-only, a permission is missing, or the lock cannot be taken.
    pub(crate) fn is_refused_write(&self) -> bool {
        match self {
            Self::NotWritable { .. } | Self::LockTimeout { .. } | Self::LocksUnsupported { .. } => {
                true
            }
            Self::Io { source, .. } | Self::OutcomeUnknown { source, .. } => {
                self.is_full() || source.kind() == io::ErrorKind::ReadOnlyFilesystem
            }
            _ => false,
        }
    }

    /// Returns true if the error states that the disk, or the quota of the account, is full.
    pub(crate) fn is_full(&self) -> bool {
        match self {
            Self::Io { source, .. } | Self::OutcomeUnknown { source, .. } => matches!(
                source.kind(),
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
            ),
            _ => false,
        }
    }

    /// Returns a copy of the error for another change that failed for the same reason: a change by
    /// another thread in the same write, or a change of another entry in the same call.
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
                repair,
                source,
            } => Self::NotWritable {
                action,
                path: path.clone(),
                repair: repair.clone(),
                source: same(source),
            },
            Self::PermissionDenied {
                action,
                path,
                repair,
                source,
            } => Self::PermissionDenied {
                action,
                path: path.clone(),
                repair: repair.clone(),
                source: same(source),
            },
            Self::Io {
                action,
                path,
                source,
            }
            | Self::OutOfHandles {
                action,
                path,
                source,
            } => Self::io(action, path, same(source)),
            Self::RootChanged { root } => Self::RootChanged { root: root.clone() },
            Self::IndexDamaged {
                path,
                detail,
                repair,
            } => Self::IndexDamaged {
                path: path.clone(),
                detail: detail.clone(),
                repair,
            },
            Self::IndexTooNew {
                path,
                found,
                supported,
            } => Self::IndexTooNew {
                path: path.clone(),
                found: *found,
                supported: *supported,
            },
            Self::StoreDamaged {
                path,
                detail,
                repair,
            } => Self::StoreDamaged {
                path: path.clone(),
                detail: detail.clone(),
                repair,
            },
            Self::PathRefused { path, problem } => Self::path_refused(path, problem.clone()),
            Self::LockTimeout {
                path,
                holder,
                waited,
            } => Self::LockTimeout {
                path: path.clone(),
                holder: holder.clone(),
                waited: *waited,
            },
            Self::LocksUnsupported {
                path,
                file_system,
                source,
            } => Self::LocksUnsupported {
                path: path.clone(),
                file_system: file_system.clone(),
                source: same(source),
            },
            Self::DeadlineExceeded { action } => Self::DeadlineExceeded { action },
            Self::Cancelled => Self::Cancelled,
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
