//! A fetcher that has no more than `ensure_present` and a scheme: the provided `stage` copies its files.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use catalog_core::{
    FetchTask, FsCatalog, ModelFetcher, ModelRef, ResolvedModel, Result, SourceHost, TaskFiles,
};

/// Gives a local path for each `share://` reference.
struct Share(PathBuf);

impl ModelFetcher for Share {
    fn ensure_present(&self, mr: &ModelRef) -> Result<ResolvedModel> {
        Ok(ResolvedModel {
            id: mr.id()?,
            local_path: self.0.clone(),
        })
    }
    fn schemes(&self) -> Vec<&str> {
        vec!["share"]
    }
}

/// CAT-518
#[test]
fn a_fetcher_of_a_scheme_stages_copies_of_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("model");
    fs::create_dir_all(source.join("sub")).unwrap();
    fs::write(source.join("config.json"), "{}").unwrap();
    fs::write(source.join("sub/notes.txt"), "notes").unwrap();
    fs::write(source.join(".DS_Store"), "no part of it").unwrap();
    let catalog = FsCatalog::new(folder.path().join("root")).unwrap();
    let mr = ModelRef::parse("share://team/model").unwrap();
    let id = mr.model_id().unwrap();
    let share = Share(source.clone());
    assert!(share.supports(&mr) && !share.supports(&ModelRef::parse("hf:o/r").unwrap()));
    assert_eq!(share.source_host(&mr), SourceHost::Other("team".to_owned()));

    let mut staging = catalog.artifacts().stage(&id, 0).unwrap();
    let mut progress = Vec::new();
    let fetched = share.stage(&FetchTask::new(&mr), &mut staging, &mut |now| {
        progress.push((now.done, now.total));
        Ok(())
    });
    let fetched = fetched.unwrap();
    assert_eq!(progress.last(), Some(&(7, Some(7))));
    let verified = staging
        .verify(&fetched.expectation, &mut |_| Ok(()))
        .unwrap();
    let artifact = verified.publish().unwrap();
    let path = artifact.path();
    assert_eq!(
        fs::read_to_string(path.join("sub/notes.txt")).unwrap(),
        "notes"
    );
    assert!(!path.join(".DS_Store").exists());
    assert!(source.join("config.json").exists());

    // A repair asks for one file.
    let mut staging = catalog.artifacts().stage(&id, 0).unwrap();
    let mut task = FetchTask::new(&mr);
    let names = BTreeSet::from(["config.json".to_owned()]);
    task.files = TaskFiles::OnlyInFolder(&names);
    share.stage(&task, &mut staging, &mut |_| Ok(())).unwrap();
    let staged = fs::read_dir(staging.folder()).unwrap();
    let staged: Vec<_> = staged.map(|file| file.unwrap().file_name()).collect();
    assert_eq!(staged, ["config.json"]);

    let names = BTreeSet::from(["weights.bin".to_owned()]);
    task.files = TaskFiles::OnlyInFolder(&names);
    let mut staging = catalog.artifacts().stage(&id, 0).unwrap();
    let error = share
        .stage(&task, &mut staging, &mut |_| Ok(()))
        .unwrap_err();
    assert_eq!(error.code(), "fetch_file_not_found");
    assert!(error.to_string().contains("weights.bin"), "{error}");

    task.files = TaskFiles::All;
    task.revision = Some("v2");
    let error = share
        .stage(&task, &mut staging, &mut |_| Ok(()))
        .unwrap_err();
    assert_eq!(error.code(), "fetch_revision_not_found");
}
