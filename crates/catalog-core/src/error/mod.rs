//! Typed errors, grouped by the reaction of the caller. This module imports no other module.

mod catalog;
mod code;
mod digest;
mod fetch;
mod kinds;
mod model_ref;
mod path;
mod permission;

pub use catalog::{CatalogError, Result};
pub use code::{ErrorCode, Retry};
pub use digest::DigestError;
pub use fetch::FetchProblem;
pub use model_ref::{ModelRefError, ModelRefErrorKind};
pub use path::PathProblem;
