//! Folders in folders: refused at staging, removed by a collection, with few handles.

use std::fs;
use std::path::Path;

use catalog_core::maintenance::CollectionPolicy;
use catalog_core::{Expectation, FsCatalog};

use crate::figure::Measured;

/// The depth up to which folders are accepted, and depths that are refused. The last one is longer than any
/// path can be.
const ACCEPTED: usize = 60;
const REFUSED: [usize; 3] = [70, 1_500, 4_000];

pub(super) fn measure(measured: &mut Measured) -> Result<(), String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let folder = tempfile::tempdir().map_err(|error| text(&error))?;
    let root = folder.path().join("root");
    let catalog = FsCatalog::new(&root).map_err(|error| text(&error))?;
    let id = "deep".parse().map_err(|error| text(&error))?;
    let mut refused = 0;
    for depth in [&[ACCEPTED][..], &REFUSED].concat() {
        let staging = catalog.artifacts().stage(&id, 0);
        let staging = staging.map_err(|error| text(&error))?;
        make_folders(&staging.folder(), depth)?;
        match staging.verify(&Expectation::default(), &mut |_| Ok(())) {
            Ok(_) if depth == ACCEPTED => {}
            Err(error) if depth != ACCEPTED && error.code() == "artifact_unusable" => refused += 1,
            Ok(_) => measured.violation(format!("{depth} folders deep: accepted")),
            Err(error) => measured.violation(format!("{depth} folders deep: {error}")),
        }
    }
    let plan = catalog.plan_collection(&CollectionPolicy::default());
    let collected = plan.and_then(|plan| catalog.collect(&plan));
    collected.map_err(|error| text(&error))?;
    let left = fs::read_dir(root.join("staging")).map_or(0, Iterator::count);
    measured.check(left == 0, || format!("{left} deep staging areas are left"));
    measured.count("depths refused", refused);
    Ok(())
}

/// Makes folders in folders and a file in the last one, from the inside out: no path is as long.
fn make_folders(folder: &Path, depth: usize) -> Result<(), String> {
    let text = |error: std::io::Error| error.to_string();
    let mut inner = folder.join("inner");
    fs::create_dir(&inner).map_err(text)?;
    fs::write(inner.join("file"), "weights").map_err(text)?;
    for number in 1..depth {
        let outer = folder.join(format!("outer-{}", number % 2));
        fs::create_dir(&outer).map_err(text)?;
        fs::rename(&inner, outer.join("d")).map_err(text)?;
        inner = outer;
    }
    Ok(())
}
