//! By what means a model comes to be on this host, and what proves it.

/// One way to make a model present.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Step {
    /// It is here, and is what it should be.
    Nothing,
    /// So it is, but it is Retired: it turns Active.
    Activate,
    /// The bytes that are here are hashed.
    Check,
    /// The source is asked for its revision; what is here is used if it is of that one.
    LookAgain,
    /// It is used where the fetcher says it is.
    UseInPlace,
    /// It is imported from a local path.
    Import,
    /// The fetcher brings it.
    Fetch,
    /// The files of it that are bad or missing are brought.
    Repair,
}

/// How a model came to be on this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Satisfied {
    /// It was registered and is here.
    AlreadyPresent,
    /// It is used where its source has it.
    InPlace,
    /// It was imported from a local path.
    Imported,
    /// The fetcher brought it.
    Fetched,
    /// Files of it were bad or missing and were brought again.
    Repaired,
}

/// What proves the bytes of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Proof {
    /// Nothing.
    Nothing,
    /// Its source told the sizes of its files, and they have them.
    SizeOnly,
    /// The hashes that its source states.
    SourceHashes,
    /// The digest that an earlier call pinned, or that was computed when it was staged.
    PinnedDigest,
    /// The digest that came with the call.
    CallersDigest,
}
