//! Managed models: staging, publishing, importing, leases, space, removal and quarantine.
//!
//! A call that moves files of the store holds the lock of artifacts (`root::lock`) only while it
//! changes names. It reads, hashes, copies and syncs the bytes before that.

mod adopt;
mod artifact;
mod blob;
mod chosen_files;
mod claim;
mod companions;
mod compare;
mod complete;
mod copy;
mod expectation;
mod fingerprint;
mod formats;
mod given_file;
mod import;
mod journal;
mod lease;
mod link;
mod local;
mod manifest;
mod manifest_file;
mod part_writer;
mod provenance;
mod publish;
mod quarantine;
mod removal;
mod reservation;
mod resumable;
mod reuse;
mod shard_files;
mod space;
mod staged_file;
mod staging;
mod staging_journal;
mod store;
mod text_file;
mod transfer;
mod unexpected_files;
mod verify;

pub(crate) use claim::{Owner, owner_of};
pub(crate) use compare::warn_of_one_shard;
pub(crate) use fingerprint::{Fingerprint, now_at_most};
pub(crate) use journal::partial_files_since;
pub(crate) use lease::{LeaseLock, try_lock, try_lock_unmanaged};
pub(crate) use removal::BATCH;
pub(crate) use space::{space_below, space_of, space_of_store};

pub(crate) use artifact::Published;
pub(crate) use staging::Freshness;
pub(crate) use unexpected_files::unexpected_files;

pub use artifact::Artifact;
pub use compare::Comparison;
pub use expectation::{EntryPoint, Expectation};
pub use formats::{ContentCheck, ContentWarning};
pub(crate) use formats::{Shard, shard_set};
pub use import::ImportRequest;
pub use lease::Lease;
pub use local::{LocalModel, LocalModelKind};
pub use manifest::Manifest;
pub use manifest_file::{ManifestFile, Role, Sharing};
pub use part_writer::{HashedPrefix, PartWriter};
pub use provenance::{Provenance, Validators};
pub use quarantine::{Evidence, FileSizes};
pub use reservation::Reservation;
pub use resumable::ResumableFile;
pub use staged_file::StagedFile;
pub use staging::Staging;
pub use store::{ArtifactStore, StoredManifest};
pub use transfer::Import;
pub use verify::VerifiedStaging;
