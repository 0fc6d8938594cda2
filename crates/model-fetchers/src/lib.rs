//! Fetches models over the network into a store of [`catalog_core`]: resumed after an interruption,
//! over several connections, and hashed while the bytes arrive.
//!
//! ```
//! # #[cfg(feature = "http")] {
//! use catalog_core::{FsCatalog, ModelFetcher, ModelRef};
//! use model_fetchers::{HttpFetcher, NetworkConfig};
//!
//! # let root = tempfile::tempdir()?;
//! let catalog = FsCatalog::new(root.path())?;
//! let fetcher = HttpFetcher::new(catalog.artifacts(), NetworkConfig::default())?;
//! let model = ModelRef::parse("https://example.org/model.gguf")?;
//! assert!(fetcher.supports(&model));
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The crate `model-provisioner` composes these fetchers, applies a policy, and registers the
//! result.
//!
//! # Promises
//!
//! - **Never a mixed file.** Each answer is checked before a byte of it is used. Parts are joined
//!   only if a strong `ETag` or a SHA-256 shows that they belong together.
//! - **Resumed.** After a kill or a failure, the next call fetches at most
//!   [`journal_step`](NetworkConfig::journal_step) bytes and the open parts again.
//! - **Bounded.** All transfers of a process hold at most 64 MiB of bytes that are not hashed yet.
//! - **Ended in time.** A deadline or a cancellation ends a call within a second, also while a host
//!   is resolved or connected.
//! - **Gated.** The [gate](catalog_core::OutboundGate) of a task decides about each host and each
//!   address before a connection, also after a redirect. `Authorization` goes to the origin of the
//!   reference only.
//!
//! # Layers
//!
//! A module imports only from the rows above its own; a test reads this table and checks it.
//!
//! | module | what lives there |
//! | --- | --- |
//! | `net` | the client: redirects, proxies, TLS, the gate before each connection |
//! | `transfer` | the engine: parts, hashes, journals, retries |
//! | `sources` | one module for each source: its files, and how they are requested |
//!
//! # Features
//!
//! | feature | adds |
//! | --- | --- |
//! | `http` | `HttpFetcher`: models of web servers |
//! | `hf` | `HfFetcher`: models of the Hugging Face hub |
//!
//! # Limitations
//!
//! - Names are resolved by the system on threads of their own, at most 8 in a process. Such a
//!   thread may outlive its call. It holds no lock and no file.
//! - Proxies are reached by plain `http:`. SOCKS proxies are refused.
//! - `netrc`, and limits of the bandwidth, are not supported.

#![cfg_attr(
    not(all(feature = "http", feature = "hf")),
    allow(dead_code, unused_imports, reason = "some parts serve one source only")
)]

mod net;
mod sources;
mod transfer;

pub use net::{ClientIdentity, HubConfig, NetworkConfig, Proxies, Resolve, Times, TrustedRoots};
#[cfg(feature = "hf")]
pub use sources::HfFetcher;
#[cfg(feature = "http")]
pub use sources::HttpFetcher;

/// Compiles the code of the README.
#[cfg(all(doctest, feature = "http"))]
#[doc = include_str!("../README.md")]
struct Readme;
