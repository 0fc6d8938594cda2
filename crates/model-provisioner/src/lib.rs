//! Makes a referenced model present, verified and registered.
//!
//! [`ModelProvisioner`] joins a catalog and a fetcher: a reference goes in; a model that is on this
//! host, whose bytes are the expected ones, and that the catalog knows as Active, comes out.
//!
//! ```
//! use catalog_core::{CatalogStore, Digest};
//! use model_provisioner::ModelProvisioner;
//!
//! # let folder = tempfile::tempdir()?;
//! # let model = folder.path().join("model.gguf");
//! # std::fs::write(&model, b"GGUF")?;
//! let provisioner = ModelProvisioner::file_only(folder.path().join("cache"))?;
//! let expected = Digest::of_file(&model)?;
//! let resolved = provisioner.ensure_present_str(&model.to_string_lossy(), Some(expected))?;
//! assert!(provisioner.catalog().exists(&resolved.id)?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Layers
//!
//! A module imports only from the rows above its own; a test reads this table and checks it.
//!
//! | module | what lives there |
//! | --- | --- |
//! | `error` | what can go wrong, by what the caller can do |
//! | `observe` | what happens meanwhile, as values |
//! | `provision` | plan, acquire, admit, and the provisioner that does them in this order |
//!
//! # Limitations
//!
//! - A digest is computed over all bytes on every call: proof by an unchanged fingerprint is not
//!   there yet.
//! - Concurrent calls for one model each do the work; the catalog keeps every result whole.

mod error;
mod observe;
mod provision;

pub use error::{ProvisionError, Result};
pub use observe::{Event, Observer, Silent};
pub use provision::{ModelProvisioner, ProvisionReport, ProvisionRequest, Satisfied};

/// Compiles the code of the README.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
