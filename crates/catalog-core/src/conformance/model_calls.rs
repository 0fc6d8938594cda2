//! Calls that the cases of a catalog make, and must succeed or be refused.

use std::path::PathBuf;

use crate::catalog::CatalogStore;
use crate::entry::{CatalogEntry, LifecycleState};

pub(super) fn entry(id: &str, path: impl Into<PathBuf>) -> CatalogEntry {
    CatalogEntry {
        id: id.to_owned(),
        local_path: path.into(),
        lifecycle: LifecycleState::Active,
        digest: None,
        last_verified_ms: None,
    }
}

#[track_caller]
pub(super) fn put(store: &impl CatalogStore, entry: &CatalogEntry) {
    store.put(entry).expect("a good entry can be put");
}

#[track_caller]
pub(super) fn get(store: &impl CatalogStore, id: &str) -> Option<CatalogEntry> {
    store.get(id).expect("the store can be read")
}

#[track_caller]
pub(super) fn refuses(store: &impl CatalogStore, entry: &CatalogEntry, code: &str) {
    let before = store.list().expect("the store can be read");
    let error = store.put(entry).expect_err("it must be refused");
    assert_eq!(
        error.code(),
        code,
        "{entry:?} is refused for its cause: {error}"
    );
    let after = store.list().expect("the store can be read");
    assert_eq!(after, before, "a refused entry changes nothing");
}
