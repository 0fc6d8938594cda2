use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{CatalogError, PathProblem, Result};
use crate::reference::{check_image_reference, redact_image};

/// An engine that was built, or pulled from a registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineEntry {
    /// The id, which is unique among the engines of a root.
    pub id: String,
    /// The name of the engine, such as `llama.cpp` or `vllm`.
    pub engine: String,
    /// The version of the engine.
    pub version: String,
    /// The commit or tag that the engine was built from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_ref: Option<String>,
    /// The digest of the binary or image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The flags of the build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_flags: Option<Vec<String>>,
    /// The local files and folders, and the image references. [`EngineArtifact`] distinguishes
    /// them.
    #[serde(default)]
    pub artifacts: Vec<PathBuf>,
    /// The time of the build, in milliseconds since 1970.
    pub created_ms: i64,
}

/// A filter of engines. A field that is `None` matches every engine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct EngineFilter {
    /// The value that [`EngineEntry::engine`] must have.
    pub engine: Option<String>,
    /// The value that [`EngineEntry::version`] must have.
    pub version: Option<String>,
}

impl EngineFilter {
    /// Returns true if an entry matches the filter.
    pub fn matches(&self, entry: &EngineEntry) -> bool {
        let is = |wanted: &Option<String>, found: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == found)
        };
        is(&self.engine, &entry.engine) && is(&self.version, &entry.version)
    }
}

/// The kind of an artifact in [`EngineEntry::artifacts`]: a local path or an image. Only the text
/// of the artifact decides.
///
/// - A text that begins with `/`, `./` or `../` is a local path.
/// - `oci://registry/repository[:tag][@digest]` is an image.
/// - Any other text with a colon is an image if it is `registry/repository` with a tag or digest,
///   and the registry has a dot or a port or is `localhost`. Otherwise a text with a colon is
///   refused, because it could be a path or an image.
/// - Any other text is a path relative to the root. A store refuses a new one that is also an image
///   without a tag or digest, such as `ghcr.io/org/repo`: write `oci://ghcr.io/org/repo` for the
///   image, or `./ghcr.io/org/repo` for the path.
///
/// A user name or password before a registry is refused, and the error does not show it.
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
    /// A file or folder. The rules for the path of a model apply.
    Local(&'a Path),
    /// An image reference, without `oci://`.
    Image(&'a str),
}

impl<'a> EngineArtifact<'a> {
    /// The scheme that marks an image.
    const IMAGE_SCHEME: &'static str = "oci://";

    /// Returns the kind of an artifact.
    ///
    /// # Errors
    ///
    /// [`CatalogError::PathRefused`] if the artifact could be a path or an image, or if it is an
    /// invalid image reference.
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
            let hint = "for a local path, begin with ./";
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

    /// Checks an artifact of a new entry, and returns its kind.
    ///
    /// # Errors
    ///
    /// The errors of [`of`](Self::of), and [`CatalogError::PathRefused`] for a relative path that is
    /// also an image without a tag or digest.
    pub(crate) fn of_new(artifact: &'a Path) -> Result<Self> {
        let kind = Self::of(artifact)?;
        let text = artifact.to_str().unwrap_or_default();
        let registry = text.split_once('/').map(|(registry, _)| registry);
        let may_be_image =
            registry.is_some_and(is_known_registry) && check_image_reference(text).is_ok();
        match kind {
            Self::Local(_) if may_be_image => {
                Err(CatalogError::path_refused(text, PathProblem::Ambiguous))
            }
            kind => Ok(kind),
        }
    }

    /// Returns a stored path with `./` before it, if the path could otherwise be read as an image.
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

/// Returns true if a host is `localhost`, or ends as the hosts of registries usually do. A folder
/// such as `llama.cpp` does not.
fn is_known_registry(host: &str) -> bool {
    const ENDINGS: [&str; 7] = [".ai", ".cloud", ".com", ".dev", ".io", ".net", ".org"];
    let host = host.to_ascii_lowercase();
    host == "localhost" || ENDINGS.iter().any(|ending| host.ends_with(ending))
}

/// Returns the text of a refused artifact for an error, without a user name and password.
fn shown(text: &str) -> String {
    let (scheme, rest) = match text.strip_prefix(EngineArtifact::IMAGE_SCHEME) {
        Some(rest) => (EngineArtifact::IMAGE_SCHEME, rest),
        None => ("", text),
    };
    format!("{scheme}{}", redact_image(rest))
}
