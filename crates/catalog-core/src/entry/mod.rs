//! What is remembered of models and engines: plain values.

mod engine;
mod model;

pub use engine::{EngineArtifact, EngineEntry, EngineFilter};
pub use model::{CatalogEntry, LifecycleState, ResolvedModel};
