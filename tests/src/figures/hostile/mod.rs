//! Hostile ids, references, digests and paths at every public entry point, with links planted in
//! the root; nothing outside may change.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use catalog_core::{FsCatalog, FsEngineStore};

use crate::figure::{Measured, Outcome, Sabotage, Trial};

mod entry_points;
mod texts;

use entry_points::ENTRY_POINTS;
use texts::texts;

pub(super) fn measure(trial: Trial) -> Outcome {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let base = folder.path().canonicalize().expect("it resolves");
    let (root, outside) = (base.join("root"), base.join("outside"));
    for made in [&root, &outside] {
        fs::create_dir(made).expect("a folder can be made");
    }
    fs::write(outside.join("victim"), "precious").expect("a file can be made");
    for (name, target) in [
        ("out", outside.clone()),
        ("link", outside.join("victim")),
        ("dangling", outside.join("nothing")),
        ("chain", root.join("out")),
        ("circle", root.join("circle")),
    ] {
        symlink(target, root.join(name)).expect("a link can be made");
    }
    let texts = texts(&outside);
    let before = contents(&outside);
    let mut measured = Measured::of(trial);
    let (mut calls, mut panics) = (0, 0);
    for text in &texts {
        for (name, entry_point) in ENTRY_POINTS {
            calls += 1;
            if catch_unwind(|| entry_point(&root, text)).is_err() {
                panics += 1;
                measured.violation(format!("{name} panicked on {text:?}"));
            }
        }
        if trial.sabotage == Sabotage::LostNeighbour {
            drop(fs::remove_file(outside.join("victim")));
        }
        measured.check(contents(&outside) == before, || {
            format!("a file outside the root changed with {text:?}")
        });
        if measured.is_hopeless() {
            break;
        }
    }
    for index in [
        FsCatalog::new(&root).map(drop),
        FsEngineStore::new(&root).map(drop),
    ] {
        if let Err(error) = index {
            measured.violation(format!("afterwards: {error}"));
        }
    }
    measured.at_least(300, "inputs", texts.len());
    measured.count("calls", calls);
    measured.count("panics", panics);
    Outcome::Measured(measured)
}

fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| (entry.path(), fs::read(entry.path()).unwrap_or_default()))
        .collect()
}
