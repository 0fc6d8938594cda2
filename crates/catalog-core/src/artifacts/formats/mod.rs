//! Checks that files of models have the format of their names: headers, shards, indexes of shards.
//! All of it is hostile input: arithmetic is checked and sizes are capped before anything is
//! allocated.

mod completeness;
mod gguf;
mod header;
mod problem;
mod safetensors;
mod shards;

pub(super) use completeness::missing_files;
pub(super) use gguf::Split;
pub(super) use header::{check_header, split_of};
pub(crate) use shards::Shard;

pub use shards::shard_set;
