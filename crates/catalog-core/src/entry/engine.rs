use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{CatalogError, PathProblem, Result};
use crate::reference::{check_image_reference, redact_image};

/// One built or pulled engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineEntry {
    /// Unique among the engines of a root.
    pub id: String,
    /// The name of the engine, such as `llama.cpp` or `vllm`.
    pub engine: String,
    /// Its version.
    pub version: String,
    /// The commit or tag that it was built from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_ref: Option<String>,
    /// The digest of the binary or image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The flags of the build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_flags: Option<Vec<String>>,
    /// Local files and folders, or image references; [`EngineArtifact`] tells them apart.
    #[serde(default)]
    pub artifacts: Vec<PathBuf>,
    /// When it was built, in milliseconds since 1970.
    pub created_ms: i64,
}

/// Selects engines; a field that is `None` matches all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct EngineFilter {
    /// Exactly this [`EngineEntry::engine`].
    pub engine: Option<String>,
    /// Exactly this [`EngineEntry::version`].
    pub version: Option<String>,
}

impl EngineFilter {
    /// Returns true if an entry matches.
    pub fn matches(&self, entry: &EngineEntry) -> bool {
        let is = |wanted: &Option<String>, found: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == found)
        };
        is(&self.engine, &entry.engine) && is(&self.version, &entry.version)
    }
}

/// The kind of one of [`EngineEntry::artifacts`], decided by its text alone.
///
/// - `/…`, `./…` and `../…` are local paths, whatever follows.
/// - `oci://registry/repository[:tag][@digest]` is an image.
/// - Any other text with a colon in it is `registry/repository` with a tag or digest, where the
///   registry has a dot or port or is `localhost`. Any other such text is refused, as it could be
///   either.
/// - Any other text is a path relative to the root: without a tag or digest, `ghcr.io/org/repo` is
///   one; write `oci://ghcr.io/org/repo` for the image.
///
/// A user name or password in front of a registry is refused, and not shown.
///
/// ```
/// use catalog_core::EngineArtifact;
/// use std::path::Path;
///
/// let is_image = |text: &str| {
///     EngineArtifact::of(Path::new(text)).map(|a| matches!(a, EngineArtifact::Image(_)))
/// };
/// assert!(is_image("ghcr.io/ggml-org/llama.cpp:server")?);
/// assert!(!is_image("engines/llama-server")?);
/// assert!(!is_image("./weird.name/v1:server")?);
/// assert!(is_image("vllm:latest").is_err());
/// # Ok::<(), catalog_core::CatalogError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EngineArtifact<'a> {
    /// A file or folder, under the rules of a model's path.
    Local(&'a Path),
    /// An image, as it is written without `oci://`.
    Image(&'a str),
}

impl<'a> EngineArtifact<'a> {
    /// The scheme that marks an image.
    const IMAGE_SCHEME: &'static str = "oci://";

    /// Returns the kind of an artifact.
    ///
    /// # Errors
    ///
    /// [`CatalogError::PathRefused`] if it could be either, or is an image reference that is not
    /// valid.
    pub fn of(artifact: &'a Path) -> Result<Self> {
        let Some(text) = artifact.to_str() else {
            return Ok(Self::Local(artifact));
        };
        let refuse = |problem| Err(CatalogError::path_refused(shown(text), problem));
        if let Some(image) = text.strip_prefix(Self::IMAGE_SCHEME) {
            return match check_image_reference(image) {
                Ok(()) => Ok(Self::Image(image)),
                Err((kind, _)) => refuse(PathProblem::Image(kind.to_string())),
            };
        }
        let to_image = |kind| {
            let hint = "for a local path write ./ in front";
            refuse(PathProblem::Image(format!("{kind}; {hint}")))
        };
        let is_marked = ["/", "./", "../"].iter().any(|mark| text.starts_with(mark));
        if is_marked || !text.contains(':') {
            return Ok(Self::Local(artifact));
        }
        match text.split_once('/') {
            Some((registry, rest)) if is_registry(registry) && rest.contains([':', '@']) => {
                match check_image_reference(text) {
                    Ok(()) => Ok(Self::Image(text)),
                    Err((kind, _)) => to_image(kind),
                }
            }
            _ => refuse(PathProblem::Ambiguous),
        }
    }

    /// Marks a stored path that would otherwise be taken for an image.
    pub(crate) fn mark_local(stored: &str) -> String {
        if stored.contains(':') && !stored.starts_with('/') {
            format!("./{stored}")
        } else {
            stored.to_owned()
        }
    }
}

fn is_registry(host: &str) -> bool {
    host.contains(['.', ':', '@']) || host.eq_ignore_ascii_case("localhost")
}

/// An artifact that was refused, as it may be shown: without a user name and password.
fn shown(text: &str) -> String {
    let (scheme, rest) = match text.strip_prefix(EngineArtifact::IMAGE_SCHEME) {
        Some(rest) => (EngineArtifact::IMAGE_SCHEME, rest),
        None => ("", text),
    };
    format!("{scheme}{}", redact_image(rest))
}
