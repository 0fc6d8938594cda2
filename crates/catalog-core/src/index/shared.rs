//! Values that all open handles of a root in this process share.

use std::any::Any;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::root::{Locking, StoreRoot};

/// The value of each key for which this process has an open handle.
static SHARED: Mutex<BTreeMap<Key, Weak<dyn Any + Send + Sync>>> = Mutex::new(BTreeMap::new());

/// The process, the path of the file or folder that the value belongs to, the identity of its root,
/// and the locking that the value depends on. The process is part of the key because a forked
/// process has none of the threads that use the value.
type Key = (u32, PathBuf, (u64, u64), Option<Locking>);

/// Returns the value of a path in a root, or makes it. It is dropped with the last handle.
pub(super) fn shared_by_handles<T: Any + Send + Sync>(
    root: &StoreRoot,
    path: PathBuf,
    locking: Option<Locking>,
    make: impl FnOnce() -> T,
) -> Arc<T> {
    let key = (std::process::id(), path, root.stamp().identity(), locking);
    let mut all = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    all.retain(|_, value| value.strong_count() > 0);
    let known = all.get(&key).and_then(Weak::upgrade);
    if let Some(Ok(known)) = known.map(Arc::downcast::<T>) {
        return known;
    }
    let new = Arc::new(make());
    let weak: Weak<dyn Any + Send + Sync> = Arc::downgrade(&new) as _;
    all.insert(key, weak);
    new
}
