//! The steps of a call, and the ways in which a model is provided.

/// A step of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Step {
    /// Use the registered model: it is on disk and verified, or there is no digest to compare with.
    Use,
    /// Set the registered model to Active: it is on disk, and verified or without a digest, but
    /// Retired.
    Activate,
    /// Hash the bytes of the registered model.
    Verify,
    /// Ask the source for its present revision.
    Revalidate,
    /// Register an artifact that an interrupted call published.
    RegisterPublished,
    /// Use the model where the fetcher keeps it.
    UseInPlace,
    /// Import the model from a local path.
    Import,
    /// Fetch the model.
    Fetch,
    /// Fetch the files of the model that are corrupt or missing.
    Repair,
}

/// The way in which a call provided a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Provided {
    /// The model was on this host already.
    AlreadyPresent,
    /// The model is used where the fetcher keeps it.
    InPlace,
    /// The call imported the model from a local path.
    Imported,
    /// The call fetched the model.
    Fetched,
    /// Files of the model were corrupt or missing, and were replaced.
    Repaired,
}
