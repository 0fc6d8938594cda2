//! The entries of models and engines, as plain values.

mod engine;
mod expected;
mod model;

pub use engine::{EngineArtifact, EngineEntry, EngineFilter};
pub use expected::Expected;
pub use model::{CatalogEntry, LifecycleState, ResolvedModel};
