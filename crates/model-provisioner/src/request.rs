use std::time::{Duration, Instant};

use catalog_core::{CancelToken, Digest, Limits, ModelRef};

/// A request to provision one model: its reference, expected digest, freshness, deadline and cancel
/// token.
///
/// ```
/// use std::time::Duration;
///
/// use catalog_core::{CancelToken, ModelRef};
/// use model_provisioner::{Freshness, ProvisionRequest};
///
/// let token = CancelToken::new();
/// let request = ProvisionRequest::new(ModelRef::parse("hf:org/repo@main")?)
///     .freshness(Freshness::Revalidate)
///     .timeout(Duration::from_secs(600))
///     .cancelled_by(&token);
/// # drop(request);
/// # Ok::<(), catalog_core::CatalogError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct ProvisionRequest {
    pub(crate) model_ref: ModelRef,
    pub(crate) expected_digest: Option<Digest>,
    pub(crate) freshness: Freshness,
    pub(crate) deadline: Option<Instant>,
    pub(crate) cancel: CancelToken,
}

/// The freshness that a request requires: whether a local copy is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Freshness {
    /// Use the local copy if it has the expected digest.
    #[default]
    UseLocal,
    /// Check whether the model changed at its source. A branch of the hub is resolved again, and a
    /// new commit is fetched even if a digest of the old commit is pinned. Local files are hashed
    /// again.
    Revalidate,
}

impl ProvisionRequest {
    /// Creates a request for a model. The expected digest is the digest that an earlier call
    /// pinned, if there is one.
    pub fn new(model_ref: ModelRef) -> Self {
        Self {
            model_ref,
            expected_digest: None,
            freshness: Freshness::default(),
            deadline: None,
            cancel: CancelToken::new(),
        }
    }

    /// Sets the digest that the bytes must have: the digest of a file, or the tree digest of a
    /// folder or of a set of shards. It replaces the digest that an earlier call pinned.
    ///
    /// ```
    /// use catalog_core::{Digest, ModelRef};
    /// use model_provisioner::{ProvisionError, ProvisionRequest};
    ///
    /// fn request(model: &str, digest: &str) -> Result<ProvisionRequest, ProvisionError> {
    ///     let digest: Digest = digest.parse()?;
    ///     Ok(ProvisionRequest::new(ModelRef::parse(model)?).expecting(digest))
    /// }
    /// # assert!(request("m.gguf", "sha256:zz").is_err());
    /// ```
    pub fn expecting(mut self, digest: impl Into<Option<Digest>>) -> Self {
        self.expected_digest = digest.into();
        self
    }

    /// Sets the freshness that the request requires.
    pub fn freshness(mut self, freshness: Freshness) -> Self {
        self.freshness = freshness;
        self
    }

    /// Sets the deadline of the call.
    pub fn deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Sets the deadline of the call to this time from now.
    pub fn timeout(self, time: Duration) -> Self {
        match Instant::now().checked_add(time) {
            Some(deadline) => self.deadline(deadline),
            None => self,
        }
    }

    /// Sets the token that cancels the call.
    pub fn cancelled_by(mut self, token: &CancelToken) -> Self {
        self.cancel = token.clone();
        self
    }

    /// Returns the deadline and the token of the call.
    pub(crate) fn limits(&self) -> Limits {
        let limits = match self.deadline {
            Some(deadline) => Limits::until(deadline),
            None => Limits::none(),
        };
        limits.cancelled_by(&self.cancel)
    }
}
