use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use catalog_core::maintenance::Verify;
use catalog_core::{
    CatalogEntry, CatalogError, CatalogStore, Digest, FsCatalog, Import, ImportRequest,
    LifecycleState, ModelId, Progress, Result,
};

use super::{CAP, LIMIT};
use crate::limited::catalog_within;

/// More than any machine hashes in a second.
const SIZE: u64 = 64 << 30;

/// How long each call took that hashes a large file, which is all a hole.
pub(super) fn all() -> Vec<(String, std::result::Result<Duration, String>)> {
    [
        ("verify with sha256", Some(("sha256", 64))),
        ("verify with sha512", Some(("sha512", 128))),
        ("import by copy", None),
    ]
    .into_iter()
    .map(|(what, digest)| (what.to_owned(), time(digest)))
    .collect()
}

fn time(digest: Option<(&str, usize)>) -> std::result::Result<Duration, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let path = folder.path().join("large.bin");
    let file = File::create(&path).and_then(|file| file.set_len(SIZE));
    file.map_err(|error| error.to_string())?;
    let catalog = FsCatalog::new(folder.path().join("root")).map_err(|error| error.to_string())?;
    if let Some((algorithm, length)) = digest {
        let entry = CatalogEntry {
            id: "large".to_owned(),
            local_path: path.clone(),
            lifecycle: LifecycleState::Active,
            digest: Some(Digest {
                algo: algorithm.to_owned(),
                value: "0".repeat(length),
            }),
            last_verified_ms: None,
        };
        catalog.put(&entry).map_err(|error| error.to_string())?;
    }
    let limited = catalog_within(&catalog, LIMIT);
    let begin = Instant::now();
    let outcome = call(&limited, &path, digest.is_some(), begin);
    let took = begin.elapsed();
    match outcome {
        Err(CatalogError::DeadlineExceeded { .. } | CatalogError::Cancelled) => Ok(took),
        Ok(()) => Err(format!("64 GiB were hashed in {:.2} s", took.as_secs_f64())),
        Err(error) => Err(format!("it was not the deadline that ended it: {error}")),
    }
}

/// Verifies the model, or imports it; given up if it takes no notice of its deadline.
fn call(catalog: &FsCatalog, path: &Path, is_verified: bool, begin: Instant) -> Result<()> {
    let mut progress = |_: Progress| match begin.elapsed() < CAP {
        true => Ok(()),
        false => Err(CatalogError::Cancelled),
    };
    if is_verified {
        return catalog
            .verify("large", Verify::Full, &mut progress)
            .map(drop);
    }
    let id = ModelId::new("copied")?;
    let mut request = ImportRequest::new(&id, path);
    request.how = Import::Copy;
    catalog.import(&request, &mut progress).map(drop)
}
