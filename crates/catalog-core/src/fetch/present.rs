use std::collections::BTreeSet;
use std::path::Path;

use super::task::{FetchTask, Fetched, TaskFiles};
use crate::artifacts::{EntryPoint, Expectation, LocalModel, LocalModelKind, Provenance, Staging};
use crate::error::{CatalogError, FetchProblem, Result};
use crate::progress::Progress;

/// Copies the files of a task from a model on this host into a staging area.
pub(super) fn stage_present(
    source: &Path,
    task: &FetchTask<'_>,
    staging: &mut Staging,
    progress: &mut dyn FnMut(Progress) -> Result<()>,
) -> Result<Fetched> {
    let model = LocalModel::resolve(source)?;
    model.check_shards()?;
    check_present(&model, task)?;
    let wanted = || {
        model
            .files()
            .iter()
            .filter(|file| task.files.has(&file.name) && task.wants(&file.name))
    };
    let sizes = wanted().map(|file| file.stamp.size());
    let total = sizes.fold(0, u64::saturating_add);
    staging.reserve(total)?;
    progress(Progress::of(0, total))?;
    let mut before = 0;
    for file in wanted() {
        let size = staging.copy_from(&file.path, &file.name, &mut |now| {
            progress(Progress::of(before + now.done, total))
        })?;
        before += size;
    }
    let requested = match task.patterns {
        [] => BTreeSet::new(),
        _ => wanted().map(|file| file.name.clone()).collect(),
    };
    staging.set_provenance(Provenance {
        source: Some(task.model_ref.to_string()),
        fetcher: task.model_ref.scheme().into_owned(),
        requested,
        patterns: task.patterns.iter().cloned().collect(),
        ..Provenance::default()
    });
    let entry_point = match model.kind() {
        LocalModelKind::Folder => EntryPoint::Folder,
        _ => EntryPoint::Natural,
    };
    Ok(Fetched::new(Expectation {
        entry_point,
        ..Expectation::default()
    }))
}

/// Returns an error if the task asks for a file that the model does not have, or for a revision.
fn check_present(model: &LocalModel, task: &FetchTask<'_>) -> Result<()> {
    let refuse = |problem, detail| Err(CatalogError::fetch(task.model_ref, problem, detail));
    if let Some(revision) = task.revision {
        let detail = format!("its fetcher has no revisions, but the task asks for {revision:?}");
        return refuse(FetchProblem::RevisionNotFound, detail);
    }
    let (TaskFiles::Only(names) | TaskFiles::OnlyInFolder(names)) = task.files else {
        return Ok(());
    };
    let is_there = |name: &&String| model.files().iter().any(|file| file.name == **name);
    match names.iter().find(|name| !is_there(name)) {
        None => Ok(()),
        Some(name) => {
            let detail = format!("{} has no file {name:?}", model.path().display());
            refuse(FetchProblem::FileNotFound, detail)
        }
    }
}
