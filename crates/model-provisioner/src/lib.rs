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
//! | `policy` | what may be done, as plain data |
//! | `error` | what can go wrong, by what the caller can do |
//! | `means` | by what means a model comes to be here, and what proves it |
//! | `fetchers` | fetchers to compose |
//! | `observe` | what happens meanwhile, as values |
//! | `provision` | plan, acquire, admit, and the provisioner that does them in this order |
//! | `handoff` | what the start of an engine needs to know |
//!
//! # Limitations
//!
//! - A catalog that is not on disk has no store, no proofs and no model locks: each call hashes for
//!   itself, and models are used where their fetcher has them.
//! - What was fetched or imported is hashed once more by the first call that comes two seconds
//!   after: publishing it changes the times that prove it unchanged.
//! - Syncing a large file to the disk cannot be stopped in the middle.

mod error;
mod fetchers;
mod handoff;
mod means;
mod observe;
mod policy;
mod provision;

pub use catalog_core::CancelToken;
pub use error::{ProvisionError, Result};
#[cfg(feature = "hf-cli")]
pub use fetchers::HfCliFetcher;
pub use fetchers::SchemeRouter;
pub use handoff::{EngineView, Handoff};
pub use means::{Proof, Satisfied, Step};
pub use observe::{Channel, Event, EventKind, Observer, Silent, Traced};
pub use policy::{Filter, OnMismatch, Outbound, Policy, StagingMode, Unverified};
pub use provision::{Durations, Freshness, ModelProvisioner, ProvisionReport, ProvisionRequest};

/// Compiles the code of the README.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
