use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// What a catalog knows of one model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogEntry {
    /// What [`ModelRef::id`](crate::ModelRef::id) gives for the model; unique in its catalog.
    pub id: String,
    /// The file or folder. A store takes a relative path as relative to its root and gives
    /// absolute ones.
    pub local_path: PathBuf,
    /// Whether it may be served.
    pub lifecycle: LifecycleState,
    /// What its bytes are expected to be, once somebody said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// When its bytes last passed verification, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_verified_ms: Option<u64>,
}

/// Whether a model may be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LifecycleState {
    /// It may.
    #[serde(alias = "Active")]
    Active,
    /// It is kept, but [`locate`](crate::CatalogStore::locate) does not hand it out.
    #[serde(alias = "Retired")]
    Retired,
}

/// A model that is present on this host.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ResolvedModel {
    /// Its id in the catalog.
    pub id: String,
    /// Its absolute path, under its real name.
    pub local_path: PathBuf,
}
