use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::proof::Proof;
use super::referenced_paths::{Reach, Reference, Refers};
use crate::digest::RecordedVerification;
use crate::entry::{EngineArtifact, EngineEntry};
use crate::index::Record;
use crate::root::{IndexFile, StoreRoot};

/// The form in which `engines.json` holds an engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct EngineRecord {
    engine: String,
    version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    build_ref: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) digest: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    build_flags: Option<Vec<String>>,
    /// The image references and the local paths. A path has the same form as in
    /// [`ModelRecord`](super::model_record::ModelRecord). [`EngineArtifact`] distinguishes them.
    #[serde(default)]
    artifacts: Vec<String>,
    created_ms: i64,
    /// The latest verification of these artifacts against this digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) proof: Option<Box<Proof>>,
}

impl EngineRecord {
    /// Creates the record of an entry that replaces `previous`, if there is such a record. The
    /// proof is kept only if the artifacts and the digest are the same.
    pub(crate) fn new(
        entry: &EngineEntry,
        stored_artifacts: Vec<String>,
        previous: Option<&Self>,
    ) -> Self {
        let same = previous.filter(|previous| {
            previous.artifacts == stored_artifacts && previous.digest == entry.digest
        });
        Self {
            proof: same
                .and_then(|same| same.proof.as_ref())
                .and_then(|proof| proof.kept_by_put()),
            engine: entry.engine.clone(),
            version: entry.version.clone(),
            build_ref: entry.build_ref.clone(),
            digest: entry.digest.clone(),
            build_flags: entry.build_flags.clone(),
            artifacts: stored_artifacts,
            created_ms: entry.created_ms,
        }
    }

    pub(crate) fn entry(&self, id: &str, root: &StoreRoot) -> EngineEntry {
        let path_of = |text: &String| match EngineArtifact::of(Path::new(text)) {
            Ok(EngineArtifact::Local(path)) => root.absolute(&without_mark(path)),
            _ => PathBuf::from(text),
        };
        EngineEntry {
            id: id.to_owned(),
            engine: self.engine.clone(),
            version: self.version.clone(),
            build_ref: self.build_ref.clone(),
            digest: self.digest.clone(),
            build_flags: self.build_flags.clone(),
            artifacts: self.artifacts.iter().map(path_of).collect(),
            created_ms: self.created_ms,
        }
    }

    /// Returns the record after a verification of its artifact against its digest.
    pub(crate) fn with_proof(&self, proof: &Proof) -> Self {
        Self {
            proof: Some(Box::new(proof.clone())),
            ..self.clone()
        }
    }

    /// Returns the latest verification in its public form.
    pub(crate) fn verification(&self) -> Option<RecordedVerification> {
        let proof = self.proof.as_ref()?;
        let digest = self.digest.as_ref().and_then(|digest| digest.parse().ok());
        Some(proof.verification(digest.as_ref()))
    }

    /// Returns true if both records have the same artifacts and digest.
    pub(crate) fn is_about_the_same(&self, other: &Self) -> bool {
        self.artifacts == other.artifacts && self.digest == other.digest
    }
}

/// Removes the `./` that marks a path with a colon as a local path.
fn without_mark(path: &Path) -> PathBuf {
    path.strip_prefix(".").unwrap_or(path).to_path_buf()
}

impl Refers for EngineRecord {
    /// Returns the local artifacts of the engine.
    fn references(&self) -> impl Iterator<Item = Reference<'_>> {
        self.artifacts.iter().filter_map(|text| {
            let is_local = matches!(
                EngineArtifact::of(Path::new(text)),
                Ok(EngineArtifact::Local(_))
            );
            is_local.then(|| Reference {
                stored: text.strip_prefix("./").unwrap_or(text),
                reach: Reach::ThroughLinks,
            })
        })
    }
}

impl Record for EngineRecord {
    const FILE: IndexFile = IndexFile::Engines;
    const VERSION: u64 = 2;
    const FIELDS: &'static [&'static str] = &[
        "engine",
        "version",
        "build_ref",
        "digest",
        "build_flags",
        "artifacts",
        "created_ms",
        "proof",
    ];

    fn normalise(&mut self, root: &StoreRoot) -> Result<(), &'static str> {
        for artifact in &mut self.artifacts {
            match EngineArtifact::of(Path::new(artifact)) {
                Ok(EngineArtifact::Image(_)) => {}
                Ok(EngineArtifact::Local(_)) => {
                    let stored = root
                        .stored_form(artifact)
                        .ok_or("has an artifact path that no artifact can have")?;
                    *artifact = EngineArtifact::mark_local(&stored);
                }
                Err(_) => return Err("has an artifact that is neither a path nor an image"),
            }
        }
        Ok(())
    }

    fn without_host(&self) -> Self {
        Self {
            proof: self.proof.as_ref().map(|proof| proof.without_host()),
            ..self.clone()
        }
    }
}
