//! Processes stage the same bytes while others collect: no blob that a model needs goes, and none
//! that nobody needs is left.

use std::fs;
use std::path::Path;
use std::process::Child;

use catalog_core::maintenance::CollectionPolicy;
use catalog_core::{CatalogEntry, CatalogError, CatalogStore, FsCatalog, Import, ImportRequest};

use crate::figure::{Extent, Measured, Outcome, Trial};
use crate::state::{CONTENT, prepare, source, write_and_look_for_leftovers};
use crate::strace::program_with;

const STAGERS: usize = 4;

pub(super) fn measure(trial: Trial) -> Outcome {
    let rounds = match trial.extent {
        Extent::Quick => 40,
        Extent::Full => 600,
    };
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let root = folder.path().join("root");
    prepare(&root);
    let start = |role: &str, count: usize| -> Child {
        let child = program_with(trial.sabotage)
            .arg("--race")
            .arg(&root)
            .args([role, &count.to_string()])
            .spawn();
        child.expect("a process can be started")
    };
    let mut measured = Measured::of(trial);
    let mut stagers: Vec<Child> = (0..STAGERS)
        .map(|number| start(&format!("stager-{number}"), rounds))
        .collect();
    let mut collectors = [start("collector", 0), start("collector", 0)];
    for stager in &mut stagers {
        let status = stager.wait().expect("a process can be waited for");
        measured.check(status.success(), || format!("a stager: {status}"));
    }
    fs::write(root.with_file_name("over"), "").expect("a file can be made");
    for collector in &mut collectors {
        let status = collector.wait().expect("a process can be waited for");
        measured.check(status.success(), || format!("a collector: {status}"));
    }
    if let Err(error) = write_and_look_for_leftovers(&root) {
        measured.violation(error);
    }
    let collections = fs::read_to_string(root.with_file_name("collections")).unwrap_or_default();
    measured.count("processes", STAGERS + collectors.len());
    measured.count("models staged", STAGERS * rounds);
    measured.at_least(2, "collections", collections.lines().count());
    Outcome::Measured(measured)
}

/// A process of the race: `ROOT ROLE ROUNDS`.
pub fn run_racer(arguments: &[String]) -> Result<(), String> {
    let [root, role, rounds] = arguments else {
        return Err("ROOT ROLE ROUNDS".to_owned());
    };
    let root = Path::new(root);
    let text = |error: CatalogError| format!("{role}: {error}");
    let catalog = FsCatalog::new(root).map_err(text)?;
    if role == "collector" {
        return collect_until_over(root, &catalog).map_err(text);
    }
    let rounds: usize = rounds.parse().map_err(|_| "ROUNDS is a number")?;
    let source = source(root);
    for round in 0..rounds {
        let id = role.parse().map_err(text)?;
        let mut request = ImportRequest::new(&id, &source);
        request.how = Import::Copy;
        let entry = catalog.import(&request, &mut |_| Ok(())).map_err(text)?;
        check_alive(root, &entry).map_err(|error| format!("{role} in round {round}: {error}"))?;
        // Both ways in which a model ends.
        if round % 2 == 0 {
            catalog.delete(role).map_err(text)?;
        } else {
            catalog.update(|edit| Ok(edit.forget(role))).map_err(text)?;
        }
    }
    Ok(())
}

/// A registered model has its file, with its bytes, and the blob of those is there.
fn check_alive(root: &Path, entry: &CatalogEntry) -> Result<(), String> {
    let bytes = fs::read(&entry.local_path).map_err(|error| format!("its file: {error}"))?;
    if bytes != CONTENT {
        return Err("its file has other bytes".to_owned());
    }
    let digest = entry.digest.as_ref().ok_or("it has no digest")?;
    let blob = root.join("blobs/sha256").join(&digest.value[..2]);
    match fs::metadata(blob.join(&digest.value)) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("its blob: {error}")),
    }
}

fn collect_until_over(root: &Path, catalog: &FsCatalog) -> Result<(), CatalogError> {
    let told = root.with_file_name("collections");
    let mut collections = String::new();
    while !root.with_file_name("over").exists() {
        let plan = catalog.plan_collection(&CollectionPolicy::default())?;
        catalog.collect(&plan)?;
        collections.push_str("1\n");
    }
    let file = fs::OpenOptions::new().append(true).create(true).open(told);
    let written =
        file.and_then(|mut file| std::io::Write::write_all(&mut file, collections.as_bytes()));
    written.map_err(|source| CatalogError::Io {
        action: "tell",
        path: root.to_path_buf(),
        source,
    })
}
