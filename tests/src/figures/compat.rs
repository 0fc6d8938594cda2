//! A fixture of every version that was ever written, and fields of a newer release through a
//! rewrite by this one.

use std::fs;
use std::path::Path;

use catalog_core::{CatalogStore, EngineStore, FsCatalog, FsEngineStore, LifecycleState};

use crate::figure::{Measured, Outcome, Sabotage, Trial};

/// Name, the index it is, whether this release reads it, and texts that a rewrite must keep.
type Fixture = (&'static str, &'static str, bool, &'static [&'static str]);

const FIXTURES: [Fixture; 10] = [
    ("index-v0.json", "index.json", true, &[]),
    ("index-v1.json", "index.json", true, &[]),
    ("index-v1-active.json", "index.json", true, &[]),
    ("index-v1-empty.json", "index.json", true, &[]),
    (
        "index-v1-future-minor.json",
        "index.json",
        true,
        &[
            "\"host\":{\"name\":\"gpu-1\",\"n\":18446744073709551617}",
            "\"pinned_by\":[\"ops\"]",
            "\"score\":12345678901234567890123456789.10",
        ],
    ),
    (
        "index-v2.json",
        "index.json",
        true,
        &["\"is_plain\":true", "\"last_verified_ms\":1700000000000"],
    ),
    ("index-v2-active.json", "index.json", true, &[]),
    ("index-v3.json", "index.json", false, &[]),
    ("engines-v1.json", "engines.json", true, &[]),
    ("engines-v2.json", "engines.json", true, &[]),
];

pub(super) fn measure(trial: Trial) -> Outcome {
    let mut measured = Measured::of(trial);
    let fixtures =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/catalog-core/tests/fixtures");
    let mut right = 0;
    for fixture in FIXTURES {
        match try_fixture(&fixtures, fixture, trial.sabotage) {
            Ok(()) => right += 1,
            Err(error) => measured.violation(format!("{}: {error}", fixture.0)),
        }
        if measured.is_hopeless() {
            break;
        }
    }
    let known = FIXTURES.map(|(name, ..)| name);
    for entry in fs::read_dir(&fixtures).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        measured.check(known.contains(&name.as_str()), || {
            format!("{name} is not tried")
        });
    }
    measured.count("fixtures", FIXTURES.len());
    measured.count("as they should be", right);
    Outcome::Measured(measured)
}

fn try_fixture(
    fixtures: &Path,
    (name, index, is_readable, kept): Fixture,
    sabotage: Sabotage,
) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let root = folder.path();
    let bytes = fs::read(fixtures.join(name)).map_err(|error| error.to_string())?;
    fs::write(root.join(index), &bytes).map_err(|error| error.to_string())?;
    match rewrite(root, index) {
        Ok(()) if is_readable => {}
        Ok(()) => return Err("a newer version was rewritten".to_owned()),
        Err(error) if is_readable => return Err(error.to_string()),
        Err(error) => {
            let now = fs::read(root.join(index)).map_err(|error| error.to_string())?;
            let is_refused = error.code() == "index_too_new" && now == bytes;
            return if is_refused {
                Ok(())
            } else {
                Err(error.to_string())
            };
        }
    }
    if sabotage == Sabotage::LostFields {
        rename_fields(&root.join(index)).map_err(|error| error.to_string())?;
    }
    let text = fs::read_to_string(root.join(index)).map_err(|error| error.to_string())?;
    match kept.iter().find(|part| !text.contains(**part)) {
        Some(part) => Err(format!("{part} did not outlive a rewrite")),
        None => Ok(()),
    }
}

/// Renames the fields that only a newer release knows.
fn rename_fields(index: &Path) -> std::io::Result<()> {
    let mut text = fs::read_to_string(index)?;
    for field in ["host", "pinned_by", "score"] {
        text = text.replace(&format!("\"{field}\":"), "\"lost\":");
    }
    fs::write(index, text)
}

/// Changes something and changes it back.
fn rewrite(root: &Path, index: &str) -> catalog_core::Result<()> {
    if index == "engines.json" {
        let engines = FsEngineStore::new(root)?;
        let before = engines.list()?;
        for entry in &before {
            let mut changed = entry.clone();
            changed.created_ms += 1;
            engines.put(&changed)?;
            engines.put(entry)?;
        }
        assert_eq!(engines.list()?, before, "what is changed back is as it was");
        return Ok(());
    }
    let catalog = FsCatalog::new(root)?;
    let before = catalog.list()?;
    for entry in &before {
        for state in [
            LifecycleState::Retired,
            LifecycleState::Active,
            entry.lifecycle,
        ] {
            catalog.set_state(&entry.id, state)?;
        }
    }
    assert_eq!(catalog.list()?, before, "what is changed back is as it was");
    Ok(())
}
