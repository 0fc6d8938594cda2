use catalog_core::ContentCheck;
use serde::{Deserialize, Serialize};

use super::outbound::Outbound;

/// The rules of a provisioner. Each rule is applied as early as possible, and a refusal names the
/// rule. A policy is also the gate of fetchers that use the network.
///
/// ```
/// use model_provisioner::{Policy, StagingMode};
///
/// let policy = Policy::default().staging(StagingMode::Managed).max_bytes(80 << 30);
/// # assert_eq!(policy.max_bytes, Some(80 << 30));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Policy {
    /// The reaction to a wrong digest.
    pub on_mismatch: OnMismatch,
    /// The reaction to a model without a digest from a caller or a source.
    pub unverified: Unverified,
    /// If true, fetchers may connect to no other host.
    pub offline: bool,
    /// The sources to which fetchers may connect. This rule is applied before a process is started
    /// or a socket is opened.
    pub outbound: Outbound,
    /// The place of local models.
    pub staging: StagingMode,
    /// The maximum size of a model in bytes. It applies to models in every place.
    pub max_bytes: Option<u64>,
    /// The check of the content of a new model: whether each file has the format that its name
    /// states.
    pub content: ContentCheck,
}

/// The reaction to a wrong digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OnMismatch {
    /// The call fails, and the registered model stays.
    #[default]
    Fail,
    /// The call warns and registers the model without a proof. The entry has no digest, or keeps
    /// the pinned digest if the model stays where it is.
    Warn,
}

/// The reaction to a model for which neither a caller nor the source states a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Unverified {
    /// The call warns and uses the model.
    #[default]
    Warn,
    /// The call refuses the model.
    Refuse,
}

/// The place of local models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StagingMode {
    /// Local models stay where they are. No copy is made, so another program can change them.
    #[default]
    InPlace,
    /// Local models are imported into the store.
    Managed,
}

impl Policy {
    /// Sets the reaction to a wrong digest.
    #[must_use]
    pub fn on_mismatch(mut self, reaction: OnMismatch) -> Self {
        self.on_mismatch = reaction;
        self
    }

    /// Sets the reaction to a model without a digest from a caller or a source.
    #[must_use]
    pub fn unverified(mut self, reaction: Unverified) -> Self {
        self.unverified = reaction;
        self
    }

    /// Forbids fetchers to connect to other hosts.
    #[must_use]
    pub fn offline(mut self) -> Self {
        self.offline = true;
        self
    }

    /// Sets the sources to which fetchers may connect.
    #[must_use]
    pub fn outbound(mut self, outbound: Outbound) -> Self {
        self.outbound = outbound;
        self
    }

    /// Sets the place of local models.
    #[must_use]
    pub fn staging(mut self, staging: StagingMode) -> Self {
        self.staging = staging;
        self
    }

    /// Sets the maximum size of a model in bytes.
    #[must_use]
    pub fn max_bytes(mut self, bytes: impl Into<Option<u64>>) -> Self {
        self.max_bytes = bytes.into();
        self
    }

    /// Sets the check of the content of a new model.
    #[must_use]
    pub fn content(mut self, check: ContentCheck) -> Self {
        self.content = check;
        self
    }
}
