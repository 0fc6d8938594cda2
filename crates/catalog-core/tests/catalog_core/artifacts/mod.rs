//! Managed models: staging, publishing, import, formats, space, leases, deletion.

mod companions;
mod completion;
mod content;
mod deletion;
mod formats;
mod import;
mod leases;
mod local_model;
mod manifest;
mod no_part;
mod resumable;
mod shard_digests;
mod space;
mod staging;
mod tombstones;
