//! The file system layer: all code that touches files of the store without interpreting their
//! content.

mod confine;
mod default_root;
mod file_lock;
mod file_system;
mod folder;
mod foreign;
mod held_folder;
mod held_lock;
mod host_clock;
mod layout;
mod listing;
mod lock;
mod lock_queue;
mod modes;
mod native;
mod nested;
mod own_file;
mod poll;
mod remove;
mod rename;
mod replace;
mod resolve;
mod spare;
mod stamp;
mod tombstone;
mod walk;

pub use default_root::default_model_cache_dir;
pub use file_lock::Locking;
pub use foreign::KeptAside;

pub(crate) use confine::{Placement, StoreRoot};
pub(crate) use file_lock::{FileLock, LockMode};
pub(crate) use file_system::{FileSystem, refuse_without_shared_locks};
pub(crate) use folder::{check_own_folder, create_own_folder, create_own_folders, sync_folder};
pub(crate) use foreign::keep_foreign_aside;
pub(crate) use held_folder::HeldFolder;
pub(crate) use host_clock::{Moment, now_ms};
pub(crate) use layout::{
    ArtifactFolder, IndexFile, Layout, QuarantineFolder, StagingFolder, StoreLock, is_sha256,
};
pub(crate) use listing::EntryKind;
pub(crate) use lock::{WriterLock, describe_this_process};
pub(crate) use lock_queue::other_threads;
pub(crate) use modes::{
    Modes, create_file, create_folders, create_unique_folder, set_mode, set_modes_of_folders,
};
pub(crate) use native::{Reflink, clone_file, free_space, sync_file_system, touch};
pub(crate) use nested::{UpdateScope, check_not_nested};
pub(crate) use own_file::{is_at, open_or_create_own_file, open_own_file, open_to_lock};
pub(crate) use poll::poll;
pub(crate) use remove::{MoverAside, remove_artifact};
pub(crate) use replace::{Replacement, create_new_whole, create_whole, remove_temporary_files};
pub(crate) use resolve::{LastLink, is_absence, is_folder, is_on_disk, is_there, resolve, trail};
pub(crate) use spare::keep_spare;
pub(crate) use stamp::{CLOCK_GRANULARITY, FileStamp, is_older_than_granularity};
pub(crate) use tombstone::Tombstone;
pub(crate) use walk::{
    FoundFile, Links, MAX_DEPTH, links_below, list_files, list_folder, sync_each, sync_file,
    sync_files,
};
