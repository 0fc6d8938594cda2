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
        Source::Registered { path, .. } => {
            let path = present(path)?;
            Ok(Acquired {
                path,
                satisfied: Satisfied::AlreadyRegistered,
            })
        }
        Source::Fetcher => {
            observer.on_event(&Event::Fetching { id });
            let fetched = fetcher.ensure_present(model_ref)?;
            if fetched.id != id {
                tracing::warn!(
                    id,
                    fetched = fetched.id,
                    "the fetcher gave another id; not used"
                );
            }
            // A fetcher is somebody else's code: whether what it names is there is looked at here.
            let path = present(fetched.local_path)?;
            Ok(Acquired {
                path,
                satisfied: Satisfied::ByFetcher,
            })
        }
    }
}

/// The absolute path of a file or folder that can be read.
fn present(path: PathBuf) -> Result<PathBuf> {
    let resolved = FileFetcher.ensure_present(&ModelRef::File { path })?;
    Ok(resolved.local_path)
}
