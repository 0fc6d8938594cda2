use std::time::{Duration, Instant};

use catalog_core::{CancelToken, Digest, FilePatterns, Limits, ModelRef};

use crate::error::{ProvisionError, Result};

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
    pub(crate) patterns: FilePatterns,
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
            patterns: FilePatterns::default(),
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

    /// Sets the patterns that choose files of a repository or folder of the hub. Without patterns,
    /// the request asks for all files of its reference.
    ///
    /// All requests for a reference share one entry, whose files only become more: if the model on
    /// this host lacks files that the request asks for, the call fetches the missing files of the
    /// same revision, and publishes the union. A digest that a caller pinned covers the files that
    /// it was given for, so the request must state the digest of the union.
    ///
    /// The model of a tag, such as `hf:org/repo:Q4_K_M`, and a single file are always fetched as a
    /// whole. Patterns can leave out only the companions: see
    /// [`without_companions`](Self::without_companions).
    ///
    /// ```
    /// use catalog_core::{FilePatterns, ModelRef};
    /// use model_provisioner::ProvisionRequest;
    ///
    /// let patterns = FilePatterns::default().include(["*.safetensors", "*.json"]);
    /// let request = ProvisionRequest::new(ModelRef::parse("hf:org/repo")?).files(patterns);
    /// # drop(request);
    /// # Ok::<(), catalog_core::CatalogError>(())
    /// ```
    pub fn files(mut self, patterns: FilePatterns) -> Self {
        self.patterns = patterns;
        self
    }

    /// Leaves out the companions of a model of the hub: its projectors (`mmproj`).
    pub fn without_companions(mut self) -> Self {
        self.patterns = self.patterns.exclude(["*[mM][mM][pP][rR][oO][jJ]*"]);
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

    /// Returns the digest that the request or its reference states, in its canonical form. Returns an
    /// error if both state a digest and the digests differ.
    pub(crate) fn given_digest(&self) -> Result<Option<Digest>> {
        let given = self.expected_digest.as_ref().map(Digest::canonical);
        let given = given
            .transpose()
            .map_err(|source| ProvisionError::InvalidExpectedDigest { source })?;
        match (given, self.model_ref.stated_digest()?) {
            (Some(given), Some(stated)) if given != stated => {
                Err(ProvisionError::ConflictingDigests {
                    reference: self.model_ref.to_string(),
                    stated: Box::new(stated),
                    given: Box::new(given),
                })
            }
            (given, stated) => Ok(given.or(stated)),
        }
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
