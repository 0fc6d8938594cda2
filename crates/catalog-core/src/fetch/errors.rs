use std::borrow::Cow;

use crate::error::{CatalogError, FetchProblem};
use crate::reference::ModelRef;

/// Creates the errors that fetchers return.
impl CatalogError {
    /// Creates a [`NoFetcher`](Self::NoFetcher) error for a reference, with the repair for the
    /// user.
    pub fn no_fetcher(mr: &ModelRef, repair: impl Into<Cow<'static, str>>) -> Self {
        Self::NoFetcher {
            scheme: mr.scheme().into_owned(),
            reference: mr.to_string(),
            repair: repair.into(),
        }
    }

    /// Creates a [`Fetch`](Self::Fetch) error, with the repair that fits most sources. A fetcher
    /// that knows a better repair sets the field `repair`. The text `detail` must hold no secret.
    pub fn fetch(mr: &ModelRef, problem: FetchProblem, detail: impl Into<String>) -> Self {
        Self::Fetch {
            reference: mr.to_string(),
            problem,
            detail: detail.into(),
            repair: problem.repair().into(),
        }
    }
}
