//! The steps of a call, and the ways in which a model is provided.

/// One step of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Step {
    /// The registered model is used: it is here and is what it should be.
    Use,
    /// The registered model turns Active: it is here, is what it should be, and is Retired.
    Activate,
    /// The bytes that are here are hashed.
    Verify,
    /// The source is asked for its revision.
    Revalidate,
    /// An artifact is registered that an interrupted call published.
    RegisterPublished,
    /// The model is used where the fetcher has it.
    UseInPlace,
    /// The model is imported from a local path.
    Import,
    /// The fetcher fetches the model.
    Fetch,
    /// The files of the model that are bad or missing are fetched.
    Repair,
}

/// The way in which a call provided a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Provided {
    /// The model was here.
    AlreadyPresent,
    /// The model is used where its source has it.
    InPlace,
    /// The model was imported from a local path.
    Imported,
    /// The fetcher fetched the model.
    Fetched,
    /// Files of the model were bad or missing and were fetched again.
    Repaired,
}
