use crate::artifacts::ImportRequest;
use crate::entry::{CatalogEntry, Expected};
use crate::error::{CatalogError, Result};
use crate::progress::Progress;
use crate::state::RootState;

/// Imports a local model into the store and registers it as Active, if the present entry with its
/// id is as the request expects.
///
/// If the present entry has a digest, the imported bytes must have that digest. If the request
/// states a digest or the expected entry, its caller replaces the digest on purpose.
///
/// # Errors
///
/// The errors of [`ArtifactStore::import`](crate::ArtifactStore::import) and
/// [`put_if`](crate::CatalogStore::put_if); [`CatalogError::InvalidDigest`] if the present entry
/// has a digest that this release cannot compute.
pub(crate) fn import(
    state: &RootState,
    request: &ImportRequest<'_>,
    progress: &mut dyn FnMut(Progress) -> Result<()>,
) -> Result<CatalogEntry> {
    let mut request = request.clone();
    let snapshot = state.models.snapshot()?;
    let found = snapshot.get(request.id.as_str());
    let found = found.map(|record| record.entry(request.id, &state.root));
    request.entry.check(request.id, found.as_ref())?;
    let keeps_pin = request.entry == Expected::Any && request.expected.digest.is_none();
    let pinned = found.and_then(|entry| entry.digest);
    if let Some(pinned) = pinned.as_ref().filter(|_| keeps_pin) {
        pinned.algorithm()?;
        request.expected.digest = Some(pinned.clone());
    }
    let artifact = state.artifacts.import(&request, progress)?;
    let entry = artifact.entry();
    state.update_models(|edit| {
        let now = edit.get(request.id).and_then(|entry| entry.digest);
        // Another caller may have pinned a digest while the bytes were copied.
        if keeps_pin && now.is_some() && now != pinned && now != entry.digest {
            return Err(CatalogError::Conflict {
                id: request.id.to_string(),
                expected: "as it was when its import began",
            });
        }
        edit.put_with(&entry, request.entry, |record| {
            record.published_as(&artifact)
        })
    })?;
    Ok(entry)
}
