use std::path::PathBuf;
use std::time::Duration;

use catalog_core::{CatalogError, Digest, DigestError, ErrorCode, Retry};

use crate::policy::Refusal;

/// The result of every call of this crate. It is not public, because it would clash with the
/// `Result` of `catalog-core`.
pub(crate) type Result<T, E = ProvisionError> = std::result::Result<T, E>;

/// The error of every call of this crate, with one variant for each reaction of a caller.
///
/// `Display` prints the problem and the repair. It never repeats the text of
/// [`source`](std::error::Error::source). A failed call leaves the catalog as it was.
///
/// # Error codes
///
#[doc = include_str!("../error-codes.md")]
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProvisionError {
    /// The catalog or the fetcher failed; see [`CatalogError`].
    #[error(transparent)]
    Catalog(#[from] CatalogError),

    /// The expected digest of the request is malformed or unknown: correct it.
    #[error("the expected digest is unusable; nothing was done")]
    InvalidExpectedDigest {
        /// The defect of the digest.
        #[from]
        source: DigestError,
    },

    /// The request and the fragment of its reference state two digests: correct one of them.
    #[error(
        "{reference:?} states {stated} in its fragment, and the request states {given}; correct one of them; nothing was done"
    )]
    ConflictingDigests {
        /// The reference, without secrets.
        reference: String,
        /// The digest in the fragment.
        stated: Box<Digest>,
        /// The digest of the request.
        given: Box<Digest>,
    },

    /// A newer release pinned a digest that this release cannot compute: upgrade this program, or
    /// give the expected digest in an algorithm that this release knows.
    #[error(
        "entry {id:?} has a pinned digest that this program cannot compute; upgrade this program, or state a sha256 digest in the request"
    )]
    PinnedDigestUnusable {
        /// The id of the entry.
        id: String,
        /// The defect of the digest.
        source: DigestError,
    },

    /// A caller pinned the digest of some files of a model, and the request asks for more files: state
    /// the digest of the union in the request.
    #[error(
        "model {id:?} is pinned to {pinned}, which covers only the files of an earlier request ({chosen}), and this request asks for more files; state the digest of the union in the request"
    )]
    PinCoversFewerFiles {
        /// The id of the model.
        id: String,
        /// The pinned digest.
        pinned: Box<Digest>,
        /// The patterns of the files that the digest covers.
        chosen: String,
    },

    /// The request states patterns of files, and its reference is not a repository or folder of the
    /// hub: remove the patterns.
    #[error(
        "{reference:?} is always provided as a whole, and the request states patterns of files; remove the patterns; nothing was done"
    )]
    PatternsUnusable {
        /// The reference, without secrets.
        reference: String,
    },

    /// The bytes at the path do not have the expected digest: restore the file, or give the new
    /// digest if the file was replaced on purpose.
    #[error("digest mismatch for model {id:?} at {path}: expected {expected}, got {actual}; restore the file, or pass the new digest to replace the model", path = path.display())]
    DigestMismatch {
        /// The id of the model.
        id: String,
        /// The file or folder of the model.
        path: PathBuf,
        /// The digest that the request states, or that an earlier call pinned.
        expected: Box<Digest>,
        /// The digest of the bytes.
        actual: Box<Digest>,
    },

    /// The files of the model are damaged, and no repair succeeded: restore the files, or give the
    /// digest of the model that replaces them.
    #[error("model {id:?} at {path} is damaged: {reason}; restore the files, or pass the new digest to replace the model", path = path.display())]
    Unsound {
        /// The id of the model.
        id: String,
        /// The file or folder of the model.
        path: PathBuf,
        /// The damage.
        reason: String,
    },

    /// The source delivered bytes that do not have the expected digest: restore the source, or give
    /// the new digest if the source replaced the model on purpose.
    #[error(
        "digest mismatch for model {id:?}: {origin} delivered {actual}, expected {expected}; nothing was registered; restore the source, or pass the new digest to replace the model"
    )]
    SourceMismatch {
        /// The id of the model.
        id: String,
        /// The source, without secrets.
        origin: String,
        /// The expected digest.
        expected: Box<Digest>,
        /// The digest of the delivered bytes.
        actual: Box<Digest>,
    },

    /// The fetcher of a call made a request for the model that the call provisions, and would wait
    /// for itself: correct the fetcher. If a fetcher makes such a request on another thread, this
    /// is not recognised, and the request waits until its deadline.
    #[error(
        "a fetcher requested model {id:?} while the same thread provisions it; a fetcher must not provision its own model"
    )]
    NestedCall {
        /// The id of the model.
        id: String,
    },

    /// The provisioner has a catalog that cannot honour a rule of the policy: change the catalog or
    /// the policy.
    #[error("this provisioner cannot honour the rule `{rule}` of the policy: {problem}")]
    PolicyUnusable {
        /// The field of the policy.
        rule: &'static str,
        /// The reason and the repair.
        problem: &'static str,
    },

    /// The policy forbids the model: change the policy, or request another model.
    #[error("the policy forbids model {id:?} by its rule `{rule}`: {detail}")]
    PolicyRefused {
        /// The id of the model.
        id: String,
        /// The field of the policy.
        rule: &'static str,
        /// The reason why the rule applies.
        detail: String,
    },

    /// The deadline of the request passed: try again with a later deadline. The work of other
    /// callers continues.
    #[error("the deadline passed after {after:?}, while {doing} {id:?}{beside}; try again with a later deadline", beside = beside(holder.as_deref()))]
    DeadlineExceeded {
        /// The id of the model.
        id: String,
        /// The time that the call took.
        after: Duration,
        /// The part of the work that the deadline ended.
        doing: &'static str,
        /// The holder of the lock for which the call waited, if it waited for a lock.
        holder: Option<String>,
    },

    /// Another caller made the same request and failed while this call waited for it: repair the
    /// cause, then try again.
    #[error("another caller failed to provision model {id:?} ({code}): {detail}")]
    FailedElsewhere {
        /// The id of the model.
        id: String,
        /// The stable code of the error of that caller.
        code: String,
        /// The message of that error.
        detail: String,
        /// Whether the same call may succeed later without a repair by hand.
        is_retryable: bool,
    },
}

/// The codes of this crate that [`CatalogError`] does not have, sorted by name.
#[rustfmt::skip]
static CODES: &[ErrorCode] = &[
    ErrorCode::new("conflicting_digests", 400, Retry::No, "The request and the fragment of its reference state different digests."),
    ErrorCode::new("failed_elsewhere", 502, Retry::Depends, "Another caller made the same request, and its call failed. The status is that of its error."),
    ErrorCode::new("invalid_expected_digest", 400, Retry::No, "The expected digest of the request is malformed or unknown."),
    ErrorCode::new("nested_call", 500, Retry::No, "A fetcher requested the model that its own call provisions."),
    ErrorCode::new("patterns_unusable", 400, Retry::No, "The reference of the request is provided as a whole, so patterns of files cannot be used."),
    ErrorCode::new("pin_covers_fewer_files", 409, Retry::No, "The pinned digest covers only some of the files that the request asks for."),
    ErrorCode::new("pinned_digest_unusable", 500, Retry::No, "A newer release pinned a digest that this program cannot compute."),
    ErrorCode::new("policy_refused", 403, Retry::No, "A rule of the policy forbids the model."),
    ErrorCode::new("policy_unusable", 500, Retry::No, "The catalog of the provisioner cannot honour a rule of the policy."),
    ErrorCode::new("unsound", 422, Retry::No, "The files of the model are damaged, and no repair succeeded."),
];

/// Returns the entry of a code, for the codes of both crates.
fn entry(name: &str) -> Option<&'static ErrorCode> {
    let mut all = CODES.iter().chain(CatalogError::codes());
    all.find(|code| code.name == name)
}

fn beside(holder: Option<&str>) -> String {
    holder.map_or_else(String::new, |holder| format!(" ({holder} holds the lock)"))
}

impl ProvisionError {
    /// Returns the stable code of the error, in lower case. For [`Catalog`](Self::Catalog), this is
    /// the code of the [`CatalogError`].
    pub fn code(&self) -> &'static str {
        match self {
            Self::Catalog(error) => error.code(),
            Self::InvalidExpectedDigest { .. } => "invalid_expected_digest",
            Self::ConflictingDigests { .. } => "conflicting_digests",
            Self::PatternsUnusable { .. } => "patterns_unusable",
            Self::PinCoversFewerFiles { .. } => "pin_covers_fewer_files",
            Self::PinnedDigestUnusable { .. } => "pinned_digest_unusable",
            Self::DigestMismatch { .. } => "digest_mismatch",
            Self::SourceMismatch { .. } => "digest_mismatch",
            Self::Unsound { .. } => "unsound",
            Self::NestedCall { .. } => "nested_call",
            Self::PolicyUnusable { .. } => "policy_unusable",
            Self::PolicyRefused { .. } => "policy_refused",
            Self::DeadlineExceeded { .. } => "deadline_exceeded",
            Self::FailedElsewhere { .. } => "failed_elsewhere",
        }
    }

    /// Returns the codes of both crates, sorted by name, as in the [table](Self#error-codes).
    pub fn codes() -> Vec<ErrorCode> {
        let mut all = [CatalogError::codes(), CODES].concat();
        all.sort_unstable_by_key(|code| code.name);
        all
    }

    /// Returns the HTTP status that a server should return. For
    /// [`FailedElsewhere`](Self::FailedElsewhere), this is the status of the error of the other
    /// caller.
    pub fn http_status(&self) -> u16 {
        let code = match self {
            Self::FailedElsewhere { code, .. } => code,
            _ => self.code(),
        };
        entry(code).map_or(500, |code| code.http_status)
    }

    /// Returns true if the same call may succeed later without a repair by hand.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Catalog(error) => error.is_retryable(),
            Self::FailedElsewhere { is_retryable, .. } => *is_retryable,
            _ => entry(self.code()).is_some_and(|code| code.retry == Retry::Yes),
        }
    }

    pub(crate) fn refused(id: &str, refusal: Refusal) -> Self {
        Self::PolicyRefused {
            id: id.to_owned(),
            rule: refusal.rule,
            detail: refusal.detail,
        }
    }
}
