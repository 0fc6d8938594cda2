use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::referenced_paths::{Reach, Reference};
use super::retirement::Retirement;
use super::validate::PlacedPath;
use crate::digest::Digest;
use crate::entry::{CatalogEntry, LifecycleState};
use crate::index::Record;
use crate::root::{IndexFile, StoreRoot};

/// A model as `index.json` holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ModelRecord {
    /// Relative to the root, or absolute and outside of it.
    pub(crate) local_path: String,
    pub(crate) lifecycle: LifecycleState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) digest: Option<Digest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last_verified_ms: Option<u64>,
    /// Since when it is retired; none if it is not, or an older release retired it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) retired: Option<Retirement>,
    /// How far the path reached when it was stored; none if an older release stored it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) is_plain: Option<bool>,
}

impl ModelRecord {
    /// An entry that takes the place of `previous`, if there is one.
    pub(crate) fn new(entry: &CatalogEntry, placed: PlacedPath, previous: Option<&Self>) -> Self {
        Self {
            local_path: placed.stored,
            lifecycle: entry.lifecycle,
            digest: entry.digest.clone(),
            last_verified_ms: entry.last_verified_ms,
            retired: retirement(entry.lifecycle, previous),
            is_plain: (placed.reach == Reach::Itself).then_some(true),
        }
    }

    pub(crate) fn verified_at(&self, ms: u64) -> Self {
        Self {
            last_verified_ms: Some(ms),
            ..self.clone()
        }
    }

    pub(crate) fn retired_since(&self, retired: Retirement) -> Self {
        Self {
            retired: Some(retired),
            ..self.clone()
        }
    }

    pub(crate) fn in_state(&self, state: LifecycleState) -> Self {
        Self {
            lifecycle: state,
            retired: retirement(state, Some(self)),
            ..self.clone()
        }
    }

    /// The path that the entry names, for deletions.
    pub(crate) fn reference(&self) -> Reference<'_> {
        Reference {
            stored: &self.local_path,
            reach: match self.is_plain {
                Some(true) => Reach::Itself,
                _ => Reach::ThroughLinks,
            },
        }
    }

    pub(crate) fn entry(&self, id: &str, root: &StoreRoot) -> CatalogEntry {
        CatalogEntry {
            id: id.to_owned(),
            local_path: root.absolute(self.local_path.as_ref()),
            lifecycle: self.lifecycle,
            digest: self.digest.clone(),
            last_verified_ms: self.last_verified_ms,
        }
    }
}

impl Record for ModelRecord {
    const FILE: IndexFile = IndexFile::Models;
    const VERSION: u64 = 2;
    const FIELDS: &'static [&'static str] = &[
        "local_path",
        "lifecycle",
        "digest",
        "last_verified_ms",
        "retired",
        "is_plain",
    ];

    fn normalise(&mut self, root: &StoreRoot) -> Result<(), &'static str> {
        let stored = root.stored_form(&self.local_path);
        match stored.ok_or("has a local_path that no artifact can have")? {
            Cow::Borrowed(same) if same.len() == self.local_path.len() => {}
            other => self.local_path = other.into_owned(),
        }
        if let Some(digest) = &mut self.digest {
            digest.algo.make_ascii_lowercase();
            digest.value.make_ascii_lowercase();
            if !digest.is_storable() {
                return Err("has a digest that is no algorithm and hexadecimal digits");
            }
        }
        Ok(())
    }

    fn without_host(&self) -> Self {
        Self {
            retired: None,
            is_plain: None,
            ..self.clone()
        }
    }
}

/// Since when a model in this state is retired, given what its entry was before.
fn retirement(state: LifecycleState, previous: Option<&ModelRecord>) -> Option<Retirement> {
    let previous = previous.filter(|record| record.lifecycle == LifecycleState::Retired);
    match (state, previous) {
        (LifecycleState::Active, _) => None,
        (LifecycleState::Retired, Some(previous)) => previous.retired.clone(),
        (LifecycleState::Retired, None) => Some(Retirement::begin()),
    }
}
