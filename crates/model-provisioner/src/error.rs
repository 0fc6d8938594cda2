use std::path::PathBuf;
use std::time::Duration;

use catalog_core::{CatalogError, Digest, DigestError, ErrorCode, Retry};

use crate::policy::Refusal;

/// The result of every call of this crate. `catalog-core` exports a `Result` of its own, and two of them
/// would clash.
pub(crate) type Result<T, E = ProvisionError> = std::result::Result<T, E>;

/// The error of every call of this crate; one variant for each reaction of a caller.
///
/// `Display` gives the problem and the repair. It never repeats the text of
/// [`source`](std::error::Error::source). A failed call leaves the catalog as it was.
///
/// # Error codes
///
#[doc = include_str!("../error-codes.md")]
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProvisionError {
    /// The catalog or the fetcher failed: see [`CatalogError`].
    #[error(transparent)]
    Catalog(#[from] CatalogError),

    /// The expected digest can prove nothing: correct it.
    #[error("the expected digest is unusable; nothing was done")]
    InvalidExpectedDigest {
        /// The defect of the digest.
        source: DigestError,
    },

    /// A newer release wrote the digest that is pinned, and this release cannot compute it: upgrade
    /// this program, or give the expected digest in an algorithm that it knows.
    #[error(
        "entry {id:?} is pinned to a digest that this program cannot compute; upgrade it, or give a sha256 digest with the call"
    )]
    PinnedDigestUnusable {
        /// The entry.
        id: String,
        /// The defect of the digest.
        source: DigestError,
    },

    /// The bytes are not the expected ones: restore the file, or give its new digest if it was
    /// replaced on purpose.
    #[error("digest mismatch for model {id:?} at {path}: expected {expected}, got {actual}; restore the file, or pass the new digest to replace the model", path = path.display())]
    DigestMismatch {
        /// The model.
        id: String,
        /// Its file or folder.
        path: PathBuf,
        /// The digest that came with the call, or that an earlier call pinned.
        expected: Box<Digest>,
        /// The digest of the bytes.
        actual: Box<Digest>,
    },

    /// The files are not as they were when they were staged, and no repair succeeded: restore them,
    /// or give the digest of the model that replaces them.
    #[error("{path} is not what {id:?} should be: {reason}; restore it, or give its new digest if it is to be replaced", path = path.display())]
    Unsound {
        /// The model.
        id: String,
        /// Its file or folder.
        path: PathBuf,
        /// The difference.
        reason: String,
    },

    /// The bytes that the source delivered are not the expected ones: have the source restored, or
    /// give the new digest if the source replaced the model on purpose.
    #[error(
        "digest mismatch for model {id:?}: {origin} delivered bytes with {actual}, expected were bytes with {expected}; nothing was registered; restore the source, or pass the new digest to replace the model"
    )]
    SourceMismatch {
        /// The model.
        id: String,
        /// The source, without secrets.
        origin: String,
        /// The expected digest.
        expected: Box<Digest>,
        /// The digest of the delivered bytes.
        actual: Box<Digest>,
    },

    /// The fetcher of a call asked for the model that the call provisions, and would wait for itself:
    /// correct the fetcher. A fetcher that asks on another thread is not recognised: it waits until the
    /// deadline.
    #[error(
        "a fetcher asked for {id:?} while the same thread provisions it; a fetcher must not provision its own model"
    )]
    NestedCall {
        /// The model.
        id: String,
    },

    /// The composition cannot honour a rule of the policy: change the composition or the policy.
    #[error("this provisioner cannot honour the rule `{rule}` of the policy: {problem}")]
    PolicyUnusable {
        /// The field of the policy.
        rule: &'static str,
        /// The reason and the repair.
        problem: &'static str,
    },

    /// The policy forbids it: change the policy, or ask for something else.
    #[error("the policy forbids {id:?} by its rule `{rule}`: {detail}")]
    PolicyRefused {
        /// The model.
        id: String,
        /// The field of the policy.
        rule: &'static str,
        /// The reason why the rule applies.
        detail: String,
    },

    /// The deadline of the request passed: try again with a later one. The work of other callers goes
    /// on.
    #[error("time was up after {after:?}, while {doing} {id:?}{beside}; give the request more", beside = beside(holder.as_deref()))]
    DeadlineExceeded {
        /// The model.
        id: String,
        /// The duration of the call.
        after: Duration,
        /// The part of its work.
        doing: &'static str,
        /// The holder of the lock that the call waited for, if it waited for one.
        holder: Option<String>,
    },

    /// Another caller with the same request failed while this call waited for it: repair the cause,
    /// then try again.
    #[error("another caller tried to make {id:?} present and failed ({code}): {detail}")]
    FailedElsewhere {
        /// The model.
        id: String,
        /// The stable code of its error.
        code: String,
        /// Its message.
        detail: String,
        /// Whether trying again may succeed with nothing mended by hand.
        is_retryable: bool,
    },
}

/// The codes of this crate that [`CatalogError`] does not have, sorted by name.
#[rustfmt::skip]
static CODES: &[ErrorCode] = &[
    ErrorCode::new("failed_elsewhere", 502, Retry::Depends, "Another caller made the same request, and its call failed. The status is that of its error."),
    ErrorCode::new("invalid_expected_digest", 400, Retry::No, "The expected digest can prove nothing."),
    ErrorCode::new("nested_call", 500, Retry::No, "A fetcher asked for the model that its own call provisions."),
    ErrorCode::new("pinned_digest_unusable", 500, Retry::No, "A newer release pinned a digest that this program cannot compute."),
    ErrorCode::new("policy_refused", 403, Retry::No, "A rule of the policy forbids the model."),
    ErrorCode::new("policy_unusable", 500, Retry::No, "The composition of the provisioner cannot honour a rule of the policy."),
    ErrorCode::new("unsound", 422, Retry::No, "The files of the model are damaged, and no repair succeeded."),
];

/// Returns the entry of a code of both crates.
fn entry(name: &str) -> Option<&'static ErrorCode> {
    let mut all = CODES.iter().chain(CatalogError::codes());
    all.find(|code| code.name == name)
}

fn beside(holder: Option<&str>) -> String {
    holder.map_or_else(String::new, |holder| {
        format!(" beside {holder}, which holds a lock")
    })
}

impl ProvisionError {
    /// Returns the stable, lower-case code of the variant, or that of the [`CatalogError`] behind it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Catalog(error) => error.code(),
            Self::InvalidExpectedDigest { .. } => "invalid_expected_digest",
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

    /// Returns the codes of both crates, sorted by name, as [above](Self#error-codes).
    pub fn codes() -> Vec<ErrorCode> {
        let mut all = [CatalogError::codes(), CODES].concat();
        all.sort_unstable_by_key(|code| code.name);
        all
    }

    /// Returns the HTTP status that a server is advised to answer with. A failure of another caller
    /// has the status of that failure.
    pub fn http_status(&self) -> u16 {
        let code = match self {
            Self::FailedElsewhere { code, .. } => code,
            _ => self.code(),
        };
        entry(code).map_or(500, |code| code.http_status)
    }

    /// Returns true if the call may succeed when it is repeated, with nothing mended by hand.
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
