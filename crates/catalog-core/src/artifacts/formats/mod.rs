//! Checks that the files of models have the format of their names: headers, shards, and indexes of
//! shards. Also recognises content that is known to be something else. All input may be hostile:
//! arithmetic is checked, and headers are read as streams.

mod bounded;
mod completeness;
mod content;
mod content_check;
mod ggml_types;
mod gguf;
mod names;
mod problem;
mod safetensors;
mod shards;
mod split;
mod wrong;

pub(super) use content::{check_content, check_download};
pub(super) use gguf::Split;
pub(crate) use shards::Shard;
pub(super) use split::split_of;

pub use content_check::{ContentCheck, ContentWarning};
pub(crate) use shards::shard_set;
