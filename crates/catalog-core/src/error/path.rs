use std::path::PathBuf;

/// The reason why a path cannot be an artifact of this catalog.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathProblem {
    /// The path is empty.
    #[error("it is empty")]
    Empty,
    /// The path holds a NUL or is not UTF-8, so the JSON index cannot hold it.
    #[error("it is not UTF-8 text, or it holds a NUL; rename the file")]
    NotText,
    /// The path is spelled as below the root but leads out of the root, through `..` or a symbolic
    /// link.
    #[error("it leaves the root {root} and leads to {target}; give the intended path", root = root.display(), target = target.display())]
    Escape {
        /// The root that the path leaves.
        root: PathBuf,
        /// The place that the path leads to.
        target: PathBuf,
    },
    /// The path is the root itself or a folder that contains the root.
    #[error("it is or contains the catalog's root {root}", root = root.display())]
    HoldsRoot {
        /// The root.
        root: PathBuf,
    },
    /// The path is one of the store's own files.
    #[error("it is one of the store's own files under {root}", root = root.display())]
    StoreFile {
        /// The root.
        root: PathBuf,
    },
    /// The path lies in the root of another store, or contains such a root.
    #[error("it lies in or holds the root of another store, {store}; register it there", store = store.display())]
    OtherStore {
        /// The root of the other store.
        store: PathBuf,
    },
    /// The path lies outside the root, and the options of this catalog refuse such paths.
    #[error("it lies outside the root {root} and this catalog refuses outside paths", root = root.display())]
    Outside {
        /// The root.
        root: PathBuf,
    },
    /// The text could be a local path or an image reference.
    #[error(
        "it could be a path or an image; write ./… or an absolute path for a file, or oci://registry/repository:tag for an image"
    )]
    Ambiguous,
    /// The text is written as an image reference but is not a valid one.
    #[error("it is not a valid image reference: {0}")]
    Image(String),
}
