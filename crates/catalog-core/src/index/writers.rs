//! The threads of this process that write an index. All handles of a root share them.

use std::any::Any;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::group_commit::GroupCommit;
use super::record::Record;
use crate::root::{Locking, StoreRoot};

/// The writers of each index for which this process has an open handle.
static WRITERS: Mutex<BTreeMap<Key, Weak<dyn Any + Send + Sync>>> = Mutex::new(BTreeMap::new());

/// The key of an index: the process, the path of the index, the identity of its root, and its
/// locking. The process is part of the key because a forked process has none of these threads.
type Key = (u32, PathBuf, (u64, u64), Locking);

/// Returns the writers of the index of this kind in a root.
pub(super) fn writers_of<R: Record>(root: &StoreRoot, locking: Locking) -> Arc<GroupCommit<R>> {
    let path = root.layout().index(R::FILE);
    let process = std::process::id();
    let key = (process, path.clone(), root.stamp().identity(), locking);
    let mut all = WRITERS.lock().unwrap_or_else(PoisonError::into_inner);
    all.retain(|_, writers| writers.strong_count() > 0);
    let known = all.get(&key).and_then(Weak::upgrade);
    if let Some(Ok(known)) = known.map(Arc::downcast::<GroupCommit<R>>) {
        return known;
    }
    let new = Arc::new(GroupCommit::new(path));
    let weak: Weak<dyn Any + Send + Sync> = Arc::downgrade(&new) as _;
    all.insert(key, weak);
    new
}
