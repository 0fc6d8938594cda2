//! Which models and engines are on this host, where, in what state, and what proves their bytes.
//!
//! Several daemons of an LLM serving host link this crate and share one folder, the *root*, as
//! their only state: no server, no background thread.
//!
//! - [`ModelRef`] reads what a person calls a model and gives the id that all spellings share.
//! - [`Digest`] and [`verify_digest`] prove bytes, of a file or of a folder.
//! - [`FsCatalog`] keeps the models and [`FsEngineStore`] the engines, each in one JSON file that
//!   is replaced as a whole.
//! - [`ArtifactStore`] keeps models below the root, once per content and under their real names:
//!   [`import`](FsCatalog::import) or [`stage`](ArtifactStore::stage) brings them,
//!   [`lease`](FsCatalog::lease) and [`pin`](FsCatalog::pin) protect them,
//!   [`verify`](FsCatalog::verify), [`scrub`](FsCatalog::scrub) and [`repair`](FsCatalog::repair)
//!   keep them right, [`collect`](FsCatalog::collect) removes what nobody needs.
//! - [`FileFetcher`] uses local files where they are. What fetches from elsewhere implements
//!   [`ModelFetcher`].
//!
//! `model-provisioner` puts them together.
//!
//! # Layers
//!
//! A module imports only from the rows above its own; a test reads this table and checks it.
//!
//! | module | what lives there |
//! | --- | --- |
//! | `error` | what can go wrong, by what the caller can do |
//! | `progress` | how far a call is, and when it has to stop |
//! | `root` | the file system: confined paths, atomic replace, locks, the one layout |
//! | `digest` | proof of bytes |
//! | `reference` | words: references, ids, redaction |
//! | `entry` | the plain values of models and engines |
//! | `index` | one JSON file of entries: snapshot, update |
//! | `artifacts` | managed models: staging, publishing, leases, space, removal |
//! | `state` | the state below one root: records, pins, leases, model locks, deletion |
//! | `maintenance` | verification, quarantine, repair, collection, rebuilding |
//! | `catalog` | the two catalogs |
//! | `fetch` | how bytes come to be here |
//! | `conformance` | the suites that implementations run |
//!
//! # Features
//!
//! | feature | adds |
//! | --- | --- |
//! | `native-fs`, on by default | free space is known and reserved; imports are reflinks where the file system can; closing a folder that fails is no panic |
//! | `conformance` | `conformance`: the suites for implementations of [`CatalogStore`], [`EngineStore`] and [`ModelFetcher`] |
//!
//! # Limitations
//!
//! - Unix only: files are told apart by device and inode.
//! - The root belongs to one trusted account or group, on a file system with working locks; NFS is
//!   refused.
//! - Paths and file names are UTF-8 text.
//! - Managed models need a file system with hard links. Adding or removing a model of the same bytes
//!   changes the link count of shared files, and with it their time of change: the next quick
//!   verification of the others hashes them once more. So does the first one of a model whose bytes
//!   another program wrote less than about two seconds before they were hashed.
//! - A verification that cannot be recorded, as on a full or read-only disk, is repeated by the next
//!   call that needs it. Files outside of the root are not synced before they are hashed: what another
//!   program has changed through a memory mapping and not written back yet can go unnoticed.

#[cfg(not(unix))]
compile_error!("catalog-core tells files apart by device and inode, which only Unix has");

mod artifacts;
mod catalog;
mod digest;
mod entry;
mod error;
mod fetch;
mod index;
mod maintenance;
mod progress;
mod reference;
mod root;
mod state;

#[cfg(feature = "conformance")]
pub mod conformance;

pub use artifacts::{
    Artifact, ArtifactStore, EntryPoint, Evidence, Expectation, Import, ImportRequest, Lease,
    LocalModel, LocalModelKind, Manifest, ManifestFile, Provenance, Role, Sharing, StagedFile,
    Staging, Validators, VerifiedStaging, shard_set,
};
pub use catalog::{
    CatalogSnapshot, CatalogStore, EngineSnapshot, EngineStore, FsCatalog, FsEngineStore,
    ManagedCatalog, MemoryCatalog, MemoryEngineStore,
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
    CatalogError, DigestError, FetchProblem, ModelRefError, ModelRefErrorKind, PathProblem, Result,
};
pub use fetch::{FetchTask, Fetched, FileFetcher, ModelFetcher};
pub use index::{IndexRecovery, RecoveryAction};
pub use maintenance::{
    BadFile, Collected, CollectionPlan, CollectionPolicy, Evict, PlannedRemoval, Rebuilt, Recovery,
    Removable, RemovalReason, RepairReport, ScrubBudget, ScrubReport, Verification, Verify,
    rebuild, recover,
};
pub use progress::{CancelToken, Limits, Progress};
pub use reference::{HfParts, ModelId, ModelRef};

/// The longest id that a catalog holds, in bytes: [`ModelId::MAX_LEN`].
pub const MAX_ID_LEN: usize = ModelId::MAX_LEN;
pub use root::{Locking, default_model_cache_dir};
pub use state::{
    CatalogEdit, EngineEdit, ModelLock, ModelLockAttempt, ModelLockFailure, ModelLockStatus,
    OutsidePaths, Pin, StoreOptions,
};
