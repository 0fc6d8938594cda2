//! The hands: everything that touches files of the store, and nothing that knows what is in them.

mod default_root;
mod file_system;
mod folder;
mod layout;
mod lock;
mod own_file;
mod remove;
mod replace;
mod resolve;
mod root;
mod stamp;
mod walk;

pub use default_root::default_model_cache_dir;

pub use lock::Locking;

pub(crate) use layout::IndexFile;
pub(crate) use lock::{LastHolder, WriterLock};
pub(crate) use own_file::open_own_file;
pub(crate) use remove::remove_artifact;
pub(crate) use replace::{remove_temporary_files, replace_durably};
pub(crate) use resolve::{LastLink, resolve, trail};
pub(crate) use root::{Placement, StoreRoot};
pub(crate) use stamp::FileStamp;
pub(crate) use walk::{has_file, links_below, list_files};
