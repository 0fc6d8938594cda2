//! Provisions models: fetches a model if it is missing, verifies it, and registers it in a catalog.
//!
//! [`ModelProvisioner`] combines a catalog and a fetcher. It takes a model reference and returns a
//! model that is on this host, has the expected bytes, and is Active in the catalog.
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
//! | `host` | hosts and addresses, as rules compare them |
//! | `policy` | the rules of a provisioner, as plain data |
//! | `error` | typed errors, grouped by the reaction of the caller |
//! | `steps` | the steps of a call, and the ways in which a model is provided |
//! | `request` | the request of a caller |
//! | `report` | the result of a request |
//! | `fetchers` | fetchers to compose |
//! | `observe` | observers, and the events of a call as values |
//! | `engine` | one look at the host, the plan, its steps, and the provisioner |
//! | `handoff` | the description of a model for the start of an engine |
//!
//! # Features
//!
//! | feature | adds |
//! | --- | --- |
//! | `hf-cli`, on by default | `HfCliFetcher` and `ModelProvisioner::with_hf_cli`: models of the Hugging Face hub by the hub's own command. It runs only where a caller adds it |
//! | `http` | `network` with `HttpFetcher` and `NetworkConfig`, `ModelProvisioner::with_network` and `from_environment`: models of web servers |
//! | `hf` | `network` with `HfFetcher`, and the same constructors: models of the Hugging Face hub |
//!
//! # Errors
//!
//! Each [`ProvisionError`] has a stable [code](ProvisionError#error-codes) with a meaning, advice on
//! retries and an HTTP status.
//!
//! # Limitations
//!
//! - Unix only, as `catalog-core`.
//! - No fetcher for `s3:` and `oci:` references. Implement
//!   [`ModelFetcher`](catalog_core::ModelFetcher), and add it with [`SchemeRouter::with`].
//! - The command of the hub does not resume the download of a killed process.
//! - Local models are used in place, unless the policy says [`StagingMode::Managed`].
//! - Size caps and cancellation do not reach a fetcher that does not stage.
//! - A catalog that is not on disk has no store, no proofs and no model locks. Each call hashes for
//!   itself, and models are used where their fetcher has them.
//! - If a command, a fetcher of a third party or another program wrote a file less than about two
//!   seconds before it was hashed, the next call that needs its proof hashes it once more.
//! - A deadline does not end a running sync of the disk, a blocked file system, or a fetcher that
//!   ignores its cancellation.

mod engine;
mod error;
mod fetchers;
mod handoff;
mod host;
mod observe;
mod policy;
mod report;
mod request;
mod steps;

pub use engine::ModelProvisioner;
pub use error::ProvisionError;
#[cfg(feature = "hf-cli")]
pub use fetchers::HfCliFetcher;
pub use fetchers::SchemeRouter;
pub use handoff::{EngineView, Handoff, HandoffDocument};
#[cfg(any(feature = "http", feature = "hf"))]
pub use model_fetchers as network;
pub use observe::{Channel, Event, EventKind, Observer, Traced};
pub use policy::{AddressRules, Filter, OnMismatch, Outbound, Policy, StagingMode, Unverified};
pub use report::{Durations, ProvisionReport};
pub use request::{Freshness, ProvisionRequest};
pub use steps::{Provided, Step};

/// Compiles the code of the README of the workspace, and of the crate.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
#[doc = include_str!("../README.md")]
struct Readme;
