use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::proof::Proof;
use super::referenced_paths::{Reach, Reference, Refers};
use super::retirement::Retirement;
use super::validate::PlacedPath;
use crate::artifacts::Artifact;
use crate::digest::{Digest, RecordedVerification};
use crate::entry::{CatalogEntry, LifecycleState};
use crate::index::Record;
use crate::reference::FilePatterns;
use crate::root::{IndexFile, Layout, StoreRoot};

/// The form in which `index.json` holds a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ModelRecord {
    /// The path: relative to the root, or absolute and outside the root.
    pub(crate) local_path: String,
    pub(crate) lifecycle: LifecycleState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) digest: Option<Digest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last_verified_ms: Option<u64>,
    /// The time since which the model is retired. `None` if an older release retired it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) retired: Option<Box<Retirement>>,
    /// Whether the path led to a regular file without a link when it was stored. `None` if it did
    /// not, or if an older release stored it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) is_plain: Option<bool>,
    /// The latest verification of this path against this digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) proof: Option<Box<Proof>>,
    /// The number of the latest attempt to verify the model. A later attempt to verify any model
    /// has a greater number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) attempt: Option<u64>,
    /// The revision to which the source resolved the reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) revision: Option<String>,
    /// The size of the files in bytes, at the last verification that passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) size: Option<u64>,
    /// The patterns that chose the files. It is empty if all files of the reference were requested.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) patterns: BTreeSet<FilePatterns>,
}

impl ModelRecord {
    /// Creates the record of an entry that replaces `previous`, if there is such a record. The
    /// proof and the attempt are kept only if the path and the digest are the same. The revision
    /// and the size are also kept if the path is managed and the same, because it then names the
    /// same bytes.
    pub(crate) fn new(entry: &CatalogEntry, placed: PlacedPath, previous: Option<&Self>) -> Self {
        let at_path = previous.filter(|previous| previous.local_path == placed.stored);
        let same = at_path.filter(|previous| previous.digest == entry.digest);
        let is_managed = Layout::key_of(Path::new(&placed.stored)).is_some();
        let of_bytes = if is_managed { at_path } else { same };
        Self {
            proof: same
                .and_then(|same| same.proof.as_ref())
                .and_then(|proof| proof.kept_by_put()),
            attempt: same.and_then(|same| same.attempt),
            revision: of_bytes.and_then(|same| same.revision.clone()),
            size: of_bytes.and_then(|same| same.size),
            patterns: of_bytes.map_or_else(BTreeSet::new, |same| same.patterns.clone()),
            local_path: placed.stored,
            lifecycle: entry.lifecycle,
            digest: entry.digest.clone(),
            last_verified_ms: entry.last_verified_ms,
            retired: retirement(entry.lifecycle, previous),
            is_plain: (placed.reach == Reach::Itself).then_some(true),
        }
    }

    /// Returns the record after a verification of its path and digest.
    pub(crate) fn with_proof(&self, proof: &Proof) -> Self {
        let mut record = self.clone();
        if proof.is_pass() {
            record.last_verified_ms = Some(proof.at_ms);
            // A managed record without a size is completed from the manifest, with all its facts.
            let is_managed = Layout::key_of(Path::new(&record.local_path)).is_some();
            if record.size.is_some() || !is_managed {
                record.size = proof.fingerprint.as_ref().map(|found| found.bytes);
            }
        }
        record.proof = Some(Box::new(proof.clone()));
        record
    }

    /// Returns the record of a published artifact, with its proof, revision and size.
    pub(crate) fn published_as(self, artifact: &Artifact) -> Self {
        let manifest = artifact.manifest();
        let record = Self {
            revision: manifest.revision.clone(),
            size: Some(manifest.size()),
            patterns: manifest.patterns.clone(),
            ..self
        };
        let Some(seen) = artifact.published() else {
            return record;
        };
        let at_ms = record.last_verified_ms.unwrap_or(manifest.published_ms);
        record.with_proof(&Proof::of_publication(seen, at_ms, manifest.basis))
    }

    /// Returns the record after an attempt to verify the model.
    pub(crate) fn with_attempt(&self, number: u64) -> Self {
        Self {
            attempt: Some(number),
            ..self.clone()
        }
    }

    /// Returns the latest verification in its public form.
    pub(crate) fn verification(&self) -> Option<RecordedVerification> {
        let proof = self.proof.as_ref()?;
        Some(proof.verification(self.digest.as_ref()))
    }

    /// Returns true if the record has this stored path and this digest.
    pub(crate) fn is_about(&self, local_path: &str, digest: Option<&Digest>) -> bool {
        self.local_path == local_path && self.digest.as_ref() == digest
    }

    pub(crate) fn retired_since(&self, retired: Retirement) -> Self {
        Self {
            retired: Some(Box::new(retired)),
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

impl Refers for ModelRecord {
    fn references(&self) -> impl Iterator<Item = Reference<'_>> {
        std::iter::once(Reference {
            stored: &self.local_path,
            reach: match self.is_plain {
                Some(true) => Reach::Itself,
                _ => Reach::ThroughLinks,
            },
        })
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
        "proof",
        "attempt",
        "revision",
        "size",
        "patterns",
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
            attempt: None,
            proof: self.proof.as_ref().map(|proof| proof.without_host()),
            ..self.clone()
        }
    }
}

/// Returns the time since which a model in this state is retired. `previous` is the record of the
/// model before it was set to the state.
fn retirement(state: LifecycleState, previous: Option<&ModelRecord>) -> Option<Box<Retirement>> {
    let previous = previous.filter(|record| record.lifecycle == LifecycleState::Retired);
    match (state, previous) {
        (LifecycleState::Active, _) => None,
        (LifecycleState::Retired, Some(previous)) => previous.retired.clone(),
        (LifecycleState::Retired, None) => Some(Box::new(Retirement::begin())),
    }
}
