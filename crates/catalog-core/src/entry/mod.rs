//! What is remembered of models and engines: plain values.

mod engine;
mod expected;
mod model;

pub use engine::{EngineArtifact, EngineEntry, EngineFilter};
pub use expected::Expected;
pub use model::{CatalogEntry, LifecycleState, ResolvedModel};
