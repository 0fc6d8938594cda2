//! Detects writes inside the `update` closure of a caller. Such a write would wait for a lock that
//! its own thread holds.

use std::cell::RefCell;

use super::confine::StoreRoot;
use super::stamp::FileStamp;
use crate::error::{CatalogError, Result};

thread_local! {
    /// The roots whose update closures run on this thread.
    static UPDATING: RefCell<Vec<FileStamp>> = const { RefCell::new(Vec::new()) };
}

/// The time during which the `update` closure of a caller runs on this thread.
#[derive(Debug)]
pub(crate) struct UpdateScope(());

impl UpdateScope {
    pub(crate) fn enter(root: &StoreRoot) -> Self {
        UPDATING.with_borrow_mut(|roots| roots.push(root.stamp()));
        Self(())
    }
}

impl Drop for UpdateScope {
    fn drop(&mut self) {
        UPDATING.with_borrow_mut(|roots| _ = roots.pop());
    }
}

/// Fails if this thread is inside an update of the same root, through any handle.
pub(crate) fn check_not_nested(root: &StoreRoot) -> Result<()> {
    let is_nested =
        UPDATING.with_borrow(|roots| roots.iter().any(|other| other.is_same_file(&root.stamp())));
    if is_nested {
        return Err(CatalogError::NestedWrite {
            root: root.path().to_path_buf(),
        });
    }
    Ok(())
}
