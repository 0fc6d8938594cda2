use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// The entry of one model in a catalog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogEntry {
    /// The id of the model, which is unique in its catalog. [`ModelRef::id`](crate::ModelRef::id)
    /// returns the id of a reference.
    pub id: String,
    /// The path of the model, a file or a folder. A store reads a relative path as relative to its
    /// root, and returns absolute paths.
    pub local_path: PathBuf,
    /// The state, which decides whether the model may be served.
    pub lifecycle: LifecycleState,
    /// The digest that the bytes of the model must have, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// The time when the bytes last passed a verification, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_verified_ms: Option<u64>,
}

/// The state of a model, which decides whether the model may be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LifecycleState {
    /// The model may be served.
    #[serde(alias = "Active")]
    Active,
    /// The model is kept but not served: [`locate`](crate::CatalogStore::locate) does not return
    /// it.
    #[serde(alias = "Retired")]
    Retired,
}

/// A model that is present on this host.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ResolvedModel {
    /// The id of the model in the catalog.
    pub id: String,
    /// The absolute path of the model, with the original name of its file.
    pub local_path: PathBuf,
}
