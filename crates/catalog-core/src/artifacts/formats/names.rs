use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use super::problem::Problem;

/// The most names that are remembered: more than any model has. It bounds the memory.
const MAX_NAMES: usize = 1 << 20;

/// The names of one file, of which no two may be equal. Only their hashes are kept.
#[derive(Debug, Default)]
pub(super) struct Names {
    hashing: RandomState,
    seen: HashSet<u64>,
}

impl Names {
    /// Notes a name. Fails if it is there already. `of` is the kind of the named things.
    pub(super) fn add(&mut self, of: &str, name: &str) -> Result<(), Problem> {
        if self.seen.len() < MAX_NAMES && !self.seen.insert(self.hashing.hash_one(name)) {
            return Err(format!("two of its {of} have the name {name:?}"));
        }
        Ok(())
    }
}
