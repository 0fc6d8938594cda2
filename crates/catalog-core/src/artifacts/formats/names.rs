use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use super::problem::Problem;

/// The maximum number of recorded names, which bounds the memory. No real model has as many names.
const MAX_NAMES: usize = 1 << 20;

/// The distinct names of one file. Only their hashes are kept.
#[derive(Debug, Default)]
pub(super) struct Names {
    hashing: RandomState,
    seen: HashSet<u64>,
}

impl Names {
    /// Records a name. Fails if it was recorded before. `of` is the kind of the named things, for
    /// the error.
    pub(super) fn add(&mut self, of: &str, name: &str) -> Result<(), Problem> {
        if self.seen.len() < MAX_NAMES && !self.seen.insert(self.hashing.hash_one(name)) {
            return Err(format!("two of its {of} have the name {name:?}"));
        }
        Ok(())
    }
}
