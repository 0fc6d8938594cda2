use super::fetcher::ModelFetcher;
use super::task::FetchTask;
use crate::artifacts::ArtifactStore;
use crate::entry::ResolvedModel;
use crate::error::Result;
use crate::reference::ModelRef;

/// Returns the newest artifact of a model in a store that has all files of the model. If there is none, the call stages the
/// model with the fetcher, verifies and publishes it. A fetcher that stages can implement
/// [`ModelFetcher::ensure_present`] with this function.
///
/// # Errors
///
/// The errors of [`ModelFetcher::stage`], of [`Staging::verify`](crate::Staging::verify) and of
/// [`VerifiedStaging::publish`](crate::VerifiedStaging::publish).
pub fn fetch_into(
    store: &ArtifactStore,
    fetcher: &dyn ModelFetcher,
    mr: &ModelRef,
) -> Result<ResolvedModel> {
    let id = mr.model_id()?;
    // An artifact of some files is not the model.
    let newest = store.newest(&id)?;
    let whole = newest.filter(|artifact| artifact.manifest().patterns.is_empty());
    let artifact = match whole {
        Some(artifact) => artifact,
        None => {
            let stated = mr.stated_digest()?;
            let mut task = FetchTask::new(mr);
            task.digest = stated.as_ref();
            let mut staging = store.stage(&id, 0)?;
            let fetched = fetcher.stage(&task, &mut staging, &mut |_| Ok(()))?;
            let expectation = fetched.expectation.digest(stated.clone());
            staging.verify(&expectation, &mut |_| Ok(()))?.publish()?
        }
    };
    Ok(ResolvedModel {
        id: id.into(),
        local_path: artifact.path().to_path_buf(),
    })
}
