use std::path::PathBuf;

use catalog_core::{FileFetcher, ModelFetcher, ModelRef};

use super::plan::Source;
use super::report::Satisfied;
use crate::error::Result;
use crate::observe::{Event, Observer};

/// Bytes that are on this host, of which nothing is proved yet.
#[derive(Debug)]
pub(super) struct Acquired {
    pub(super) path: PathBuf,
    pub(super) satisfied: Satisfied,
}

/// Makes the bytes present where the plan says.
pub(super) fn acquire(
    source: Source,
    model_ref: &ModelRef,
    id: &str,
    fetcher: &impl ModelFetcher,
    observer: &dyn Observer,
) -> Result<Acquired> {
    match source {
        Source::Registered(path) => {
            let resolved = FileFetcher.ensure_present(&ModelRef::File { path })?;
            Ok(Acquired {
                path: resolved.local_path,
                satisfied: Satisfied::AlreadyRegistered,
            })
        }
        Source::Fetcher => {
            observer.on_event(&Event::Fetching { id });
            let resolved = fetcher.ensure_present(model_ref)?;
            Ok(Acquired {
                path: resolved.local_path,
                satisfied: Satisfied::ByFetcher,
            })
        }
    }
}
