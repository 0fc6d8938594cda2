//! Keeps a catalog of the models and engines on one host: their paths, their states, and the
//! digests that prove their bytes.
//!
//! Several daemons of an LLM serving host link this crate and share one folder, the *root*, as
//! their only state. There is no server and no background thread.
//!
//! - [`ModelRef`] parses a model reference and gives the [`ModelId`] that all its spellings share.
//! - [`Digest`] and [`verify_digest`] prove the bytes of a file or a folder. [`Assurance`] states
//!   the basis of a verification: the source of the digest that the bytes were compared with.
//! - [`FsCatalog`] keeps the models and [`FsEngineStore`] the engines, each in one JSON file that
//!   is replaced as a whole. The record of an entry holds its latest verification.
//! - [`ArtifactStore`] keeps models below the root, once per content and under their real names.
//!   [`import`](FsCatalog::import) and [`stage`](ArtifactStore::stage) add models,
//!   [`lease`](FsCatalog::lease) and [`pin`](FsCatalog::pin) protect them,
//!   [`verify`](FsCatalog::verify), [`scrub`](FsCatalog::scrub) and [`repair`](FsCatalog::repair)
//!   find and mend damage, and [`collect`](FsCatalog::collect) removes unused ones.
//! - [`Limits`] hold the deadline and the cancel token of the calls of a handle; see
//!   [`FsCatalog::with_limits`].
//! - [`recover`] and [`rebuild`] restore a damaged or lost index.
//! - [`FileFetcher`] uses local files in place. Implement [`ModelFetcher`] to fetch from elsewhere.
//!
//! The crate `model-provisioner` combines a catalog and a fetcher.
//!
//! ```
//! use catalog_core::maintenance::{CollectionPolicy, Verify};
//! use catalog_core::{CatalogStore, FsCatalog, ImportRequest, LifecycleState};
//!
//! # let folder = tempfile::tempdir()?;
//! # let (root, source) = (folder.path().join("root"), folder.path().join("notes.bin"));
//! # std::fs::write(&source, "weights")?;
//! let catalog = FsCatalog::new(&root)?;
//! let id = "chat".parse()?;
//! let entry = catalog.import(&ImportRequest::new(&id, &source), &mut |_| Ok(()))?;
//! let lease = catalog.lease("chat")?; // as long as an engine runs on the model
//! let verified = catalog.verify("chat", Verify::Quick, &mut |_| Ok(()))?;
//! assert_eq!(verified.id, entry.id);
//! drop(lease);
//! catalog.set_state("chat", LifecycleState::Retired)?;
//! let policy = CollectionPolicy::default().retired_for(std::time::Duration::ZERO);
//! let plan = catalog.plan_collection(&policy)?;
//! catalog.collect(&plan)?;
//! assert!(!entry.local_path.exists());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Modules
//!
//! The root of the crate has the types of everyday work. [`maintenance`] has the requests and reports
//! of maintenance, [`managed`] the abilities that a provisioner uses, and `conformance` the suites for
//! implementations of the traits.
//!
//! # Errors
//!
//! Each error has a stable [code](CatalogError::codes) with a meaning, advice on retries and an HTTP
//! status. `error-codes.md` of `model-provisioner` lists the codes of both crates.
//!
//! # Layers
//!
//! A module imports only from the rows above its own; a test reads this table and checks it.
//!
//! | module | what lives there |
//! | --- | --- |
//! | `error` | typed errors, grouped by the reaction of the caller |
//! | `progress` | progress, deadlines and cancel tokens of calls |
//! | `root` | the file system: confined paths, atomic replace, locks, removal, the layout of a root |
//! | `digest` | digests, and their comparison with bytes |
//! | `reference` | model references, ids, redaction of secrets |
//! | `entry` | the plain values of models and engines |
//! | `index` | one JSON file of entries: snapshot, update, recovery |
//! | `artifacts` | managed models: staging, publishing, leases, space, removal |
//! | `state` | the state below one root: records with proofs, pins, leases, model locks, deletion |
//! | `maintenance` | verification, quarantine, repair, collection, rebuilding |
//! | `catalog` | the catalogs of models and engines, on disk and in memory |
//! | `managed` | the abilities of a catalog on disk that a provisioner uses |
//! | `fetch` | the trait of fetchers, and the one for local files |
//! | `fetching` | the types that a fetcher of a network needs |
//! | `conformance` | the test suites for implementations of the traits |
//!
//! # Features
//!
//! | feature | adds |
//! | --- | --- |
//! | `native-fs`, on by default | free space is known and reserved; imports are reflinks where the file system supports them; an index is exchanged with the old one in one step, and a spare serves full disks; file systems have stable ids; closing a folder that fails is no panic |
//! | `conformance` | `conformance`: the suites for implementations of [`CatalogStore`], [`EngineStore`] and [`ModelFetcher`] |
//!
//! # Limitations
//!
//! - Unix only: the crate identifies files by device and inode.
//! - The root belongs to one trusted account or group, on a file system with working locks. Opening
//!   a root on NFS fails, unless [`Locking::SingleProcess`] is chosen.
//! - Paths and file names are UTF-8 text.
//! - Managed models need a file system with hard links. Adding or removing a model of the same bytes
//!   changes the link count of shared files, and with it their time of change: the next quick
//!   verification of the others hashes them once more.
//! - A file that another program wrote less than about two seconds before it was hashed is hashed
//!   once more by the next quick verification. So is each model on an image file system, an overlay or
//!   FUSE, or on a file system without a stable id whose device number changed, once for each mount.
//! - Each entry holds its latest verification; there is no history.
//! - On a full or read-only disk a verification cannot be recorded. It still returns its outcome, and
//!   the next call that needs it verifies again.
//! - Files outside of the root are not synced before they are hashed. A change through a memory
//!   mapping of another program that is not written back yet can go unnoticed.
//! - A deadline does not end a running sync of the disk, a blocked file system, or a fetcher that
//!   ignores its cancellation; see [`Limits`].

#[cfg(not(unix))]
compile_error!("catalog-core tells files apart by device and inode, which only Unix has");

mod artifacts;
mod catalog;
mod digest;
mod entry;
mod error;
mod fetch;
pub mod fetching;
mod index;
pub mod maintenance;
pub mod managed;
mod progress;
mod reference;
mod root;
mod state;

#[cfg(feature = "conformance")]
pub mod conformance;

pub use artifacts::{
    Artifact, ArtifactStore, Comparison, ContentCheck, ContentWarning, EntryPoint, Expectation,
    Import, ImportRequest, Lease, LocalModel, LocalModelKind, Manifest, ManifestFile, Provenance,
    Reservation, Role, Sharing, StagedFile, Staging, StoredManifest, Validators, VerifiedStaging,
};
pub use catalog::{
    CatalogRoot, CatalogSnapshot, CatalogStore, EngineSnapshot, EngineStore, FsCatalog,
    FsEngineStore, MemoryCatalog, MemoryEngineStore,
};
pub use digest::{
    Assurance, Basis, Digest, DigestAlgorithm, DigestSubject, Hasher, Method, RecordedVerification,
    VerificationOutcome, VerificationOutcomeKind, verify_digest,
};
pub use entry::{
    CatalogEntry, EngineArtifact, EngineEntry, EngineFilter, Expected, LifecycleState,
    ResolvedModel,
};
pub use error::{
    CatalogError, DigestError, ErrorCode, FetchProblem, ModelRefError, ModelRefErrorKind,
    PathProblem, Result, Retry,
};
pub use fetch::{
    AddressSet, FetchTask, Fetched, FileFetcher, HostOrigin, ModelFetcher, OutboundGate,
    SourceHost, TaskFiles,
};
pub use maintenance::{rebuild, recover};
pub use progress::{CancelToken, Limits, Progress};
pub use reference::{FilePatterns, HfParts, ModelId, ModelRef};
pub use root::{Locking, default_model_cache_dir};
pub use state::{CatalogEdit, EngineEdit, OutsidePaths, Pin, StoreOptions};

/// Compiles the code of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
