//! Managed models: staging, publishing, importing, leases, space, removal, quarantine,
//! and the log that proves what was verified.
//!
//! What moves files of the store holds its lock (`root::lock`), for as long as names change and no
//! longer; bytes are read, hashed, copied and synced before.

mod artifact;
mod claim;
mod copy;
mod fingerprint;
mod formats;
mod import;
mod lease;
mod manifest;
mod publish;
mod quarantine;
mod removal;
mod space;
mod staging;
mod store;
mod verification_log;
mod verify;

pub(crate) use claim::{Owner, owner_of};
pub(crate) use fingerprint::{Fingerprint, now_at_most};
pub(crate) use lease::{LeaseLock, try_lock, try_lock_unmanaged};
pub(crate) use removal::BATCH;
pub(crate) use space::{space_below, space_of, space_of_store};

pub(crate) use verification_log::{LogLine, Logged, LoggedOutcome, VerificationLog};

pub use artifact::Artifact;
pub use formats::shard_set;
pub use import::{Import, ImportRequest};
pub use lease::Lease;
pub use manifest::{Manifest, ManifestFile, Provenance, Sharing};
pub use quarantine::Evidence;
pub use staging::{StagedFile, Staging};
pub use store::ArtifactStore;
pub use verify::{EntryPoint, Expectation, VerifiedStaging};
