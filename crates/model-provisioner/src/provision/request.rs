use std::time::{Duration, Instant};

use catalog_core::{Digest, ModelRef};

use catalog_core::CancelToken;

/// What is to be made present.
///
/// ```
/// use std::time::Duration;
///
/// use catalog_core::ModelRef;
/// use model_provisioner::{CancelToken, Freshness, ProvisionRequest};
///
/// let token = CancelToken::new();
/// let request = ProvisionRequest::new(ModelRef::parse("hf:org/repo@main")?)
///     .fresh(Freshness::LookAgain)
///     .within(Duration::from_secs(600))
///     .cancelled_by(&token);
/// # drop(request);
/// # Ok::<(), catalog_core::CatalogError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct ProvisionRequest {
    pub(super) model_ref: ModelRef,
    pub(super) expected_digest: Option<Digest>,
    pub(super) freshness: Freshness,
    pub(super) deadline: Option<Instant>,
    pub(super) cancel: CancelToken,
}

/// What is good enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Freshness {
    /// What is here, if it is what it should be.
    #[default]
    UseLocal,
    /// What the source has now: a branch of the hub is looked up again, and its new commit is
    /// fetched, whatever the digest of the old one was; local files are hashed again.
    LookAgain,
}

impl ProvisionRequest {
    /// Asks for a model, whatever digest an earlier call pinned.
    pub fn new(model_ref: ModelRef) -> Self {
        Self {
            model_ref,
            expected_digest: None,
            freshness: Freshness::default(),
            deadline: None,
            cancel: CancelToken::new(),
        }
    }

    /// Says what its bytes must be; replaces what an earlier call pinned. A digest of a file, or a
    /// tree digest of a folder.
    pub fn expecting(mut self, digest: impl Into<Option<Digest>>) -> Self {
        self.expected_digest = digest.into();
        self
    }

    /// Says what is good enough.
    pub fn fresh(mut self, freshness: Freshness) -> Self {
        self.freshness = freshness;
        self
    }

    /// Gives up at this time.
    pub fn by(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Gives up after this long.
    pub fn within(self, time: Duration) -> Self {
        match Instant::now().checked_add(time) {
            Some(deadline) => self.by(deadline),
            None => self,
        }
    }

    /// Stops when this token says so.
    pub fn cancelled_by(mut self, token: &CancelToken) -> Self {
        self.cancel = token.clone();
        self
    }
}
