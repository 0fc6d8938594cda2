use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// The entry of one model in a catalog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogEntry {
    /// The id of the model, as [`ModelRef::id`](crate::ModelRef::id) gives it; unique in its
    /// catalog.
    pub id: String,
    /// The file or folder. A store takes a relative path as relative to its root and gives
    /// absolute ones.
    pub local_path: PathBuf,
    /// Whether it may be served.
    pub lifecycle: LifecycleState,
    /// The digest that its bytes are expected to have, if one was given.
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
    /// The model may be served.
    #[serde(alias = "Active")]
    Active,
    /// The model is kept, but [`locate`](crate::CatalogStore::locate) does not return it.
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
