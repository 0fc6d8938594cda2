use catalog_core::{Digest, ModelRef};

/// What is to be made present.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct ProvisionRequest {
    pub(super) model_ref: ModelRef,
    pub(super) expected_digest: Option<Digest>,
}

impl ProvisionRequest {
    /// Asks for a model, whatever digest an earlier call pinned.
    pub fn new(model_ref: ModelRef) -> Self {
        Self {
            model_ref,
            expected_digest: None,
        }
    }

    /// Says what its bytes must be; replaces what an earlier call pinned.
    pub fn expecting(mut self, digest: impl Into<Option<Digest>>) -> Self {
        self.expected_digest = digest.into();
        self
    }
}
