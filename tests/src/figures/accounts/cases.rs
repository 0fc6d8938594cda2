//! Calls of one account, and a call of another one behind them.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use catalog_core::{CatalogStore, FsCatalog, LifecycleState};

use super::modes::mode_of;
use crate::account::{give, set_mode};
use crate::call::{Call, PRIVATE, own_original};
use crate::state::{SPOILT, names_in};
use crate::steps::Step;

/// A change that the harness makes between the calls of two accounts.
pub(super) type Harm = fn(&Path) -> Result<(), String>;

/// The check of a root behind both calls.
pub(super) type Check = fn(&Path, &FsCatalog) -> bool;

/// Calls of one account, then a call of another.
pub(super) struct Case {
    pub(super) made: &'static [Call],
    pub(super) harm: Harm,
    pub(super) used: Call,
    pub(super) check: Check,
}

const fn case(made: &'static [Call], used: Call, check: Check) -> Case {
    Case {
        made,
        harm: |_| Ok(()),
        used,
        check,
    }
}

const fn harmed(made: &'static [Call], harm: Harm, used: Call, check: Check) -> Case {
    Case {
        made,
        harm,
        used,
        check,
    }
}

const PROVISION: Call = Call::Step(Step::Provision);

pub(super) const CASES: &[Case] = &[
    case(&[Call::IMPORT], Call::Step(Step::ImportN), |_, catalog| {
        is_active(catalog, "m") && is_active(catalog, "n")
    }),
    case(&[Call::IMPORT], Call::IMPORT, |_, catalog| {
        is_active(catalog, "m")
    }),
    case(&[PROVISION], PROVISION, |_, catalog| {
        is_active(catalog, "hf:org/p")
    }),
    harmed(&[Call::IMPORT], age_manifests, Call::Lease, |root, _| {
        manifests(root).iter().all(|manifest| is_recent(manifest))
    }),
    case(&[Call::ProvisionPrivate], Call::Read, |_, catalog| {
        is_active(catalog, PRIVATE)
    }),
    case(&[Call::IMPORT], Call::Lease, |_, catalog| {
        is_active(catalog, "m")
    }),
    case(&[Call::IMPORT], Call::Pin, |_, catalog| {
        catalog.pins().is_ok_and(|pins| pins.len() == 1)
    }),
    case(&[Call::IMPORT, Call::Pin], Call::Unpin, |_, catalog| {
        catalog.pins().is_ok_and(|pins| pins.is_empty())
    }),
    case(&[Call::IMPORT], Call::Verify, |_, catalog| {
        is_active(catalog, "m")
    }),
    case(&[Call::IMPORT, PROVISION], Call::Scrub, |_, catalog| {
        is_active(catalog, "m")
    }),
    case(&[Call::IMPORT], Call::Step(Step::RetireM), |_, catalog| {
        state_of(catalog, "m") == Some(LifecycleState::Retired)
    }),
    case(
        &[Call::IMPORT],
        Call::Step(Step::DeleteM),
        |root, catalog| state_of(catalog, "m").is_none() && is_empty_of_models(root),
    ),
    case(
        &[
            Call::ProvisionPrivate,
            Call::IMPORT,
            Call::Step(Step::ForgetM),
        ],
        Call::Step(Step::Collect),
        |root, _| names_in(&root.join("artifacts")).is_ok_and(|names| names.len() == 1),
    ),
    case(&[Call::Abandon], Call::Step(Step::Collect), |root, _| {
        names_in(&root.join("staging")).is_ok_and(|names| names.is_empty())
    }),
    case(
        &[Call::Step(Step::PutA)],
        Call::Step(Step::DeleteA),
        |root, catalog| state_of(catalog, "a").is_none() && !root.join("model-a").exists(),
    ),
    case(
        &[Call::Step(Step::PutEngine)],
        Call::Step(Step::UpgradeEngine),
        |_, _| true,
    ),
    case(
        &[Call::Step(Step::PutEngine)],
        Call::Step(Step::DeleteEngine),
        |root, _| !root.join("engine-e").exists(),
    ),
    harmed(&[Call::IMPORT], spoil, Call::Verify, |root, catalog| {
        state_of(catalog, "m") == Some(LifecycleState::Retired)
            && names_in(&root.join("quarantine")).is_ok_and(|names| names.len() == 1)
    }),
    harmed(&[Call::IMPORT], spoil, Call::Repair, |_, catalog| {
        is_active(catalog, "m")
    }),
    harmed(
        &[Call::IMPORT, Call::Step(Step::ImportN)],
        lose_the_file_of_m,
        Call::Repair,
        |_, catalog| is_active(catalog, "m") && is_active(catalog, "n"),
    ),
    case(
        &[Call::ImportLink],
        Call::Step(Step::ImportN),
        |root, catalog| is_active(catalog, "n") && mode_of(&own_original(root)) == Some(0o640),
    ),
    harmed(
        &[Call::IMPORT, Call::Step(Step::ImportN)],
        cut_the_index,
        Call::Recover,
        |_, catalog| is_active(catalog, "m"),
    ),
    harmed(
        &[Call::IMPORT],
        lose_the_indexes,
        Call::Rebuild,
        |root, _| names_in(&root.join("artifacts")).is_ok_and(|names| names.len() == 1),
    ),
    harmed(
        &[],
        bring_an_old_index,
        Call::Step(Step::PutA),
        |root, catalog| {
            state_of(catalog, "a").is_some()
                && fs::read_to_string(root.join("index.json"))
                    .is_ok_and(|text| text.starts_with("{\"version\":2"))
        },
    ),
];

fn state_of(catalog: &FsCatalog, id: &str) -> Option<LifecycleState> {
    catalog.get(id).ok().flatten().map(|entry| entry.lifecycle)
}

fn is_active(catalog: &FsCatalog, id: &str) -> bool {
    state_of(catalog, id) == Some(LifecycleState::Active)
}

fn is_empty_of_models(root: &Path) -> bool {
    names_in(&root.join("artifacts")).is_ok_and(|names| names.is_empty())
        && names_in(&root.join("removed")).is_ok_and(|names| names.is_empty())
}

/// The manifests of the managed models of a root.
fn manifests(root: &Path) -> Vec<PathBuf> {
    let artifacts = root.join("artifacts");
    let names = names_in(&artifacts).unwrap_or_default().into_iter();
    names
        .map(|name| artifacts.join(name).join("manifest.json"))
        .collect()
}

/// The files of the managed models of a root.
fn files(root: &Path) -> Vec<PathBuf> {
    let folders = manifests(root)
        .into_iter()
        .map(|manifest| manifest.with_file_name("files"));
    let files = folders.flat_map(|folder| {
        let names = names_in(&folder).unwrap_or_default().into_iter();
        names.map(move |name| folder.join(name)).collect::<Vec<_>>()
    });
    files.collect()
}

fn age_manifests(root: &Path) -> Result<(), String> {
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    manifests(root).iter().try_for_each(|manifest| {
        let file = fs::File::open(manifest);
        file.and_then(|file| file.set_modified(long_ago))
            .map_err(|error| error.to_string())
    })
}

fn is_recent(path: &Path) -> bool {
    let modified = fs::metadata(path).and_then(|metadata| metadata.modified());
    modified.is_ok_and(|time| {
        time.elapsed()
            .is_ok_and(|age| age < Duration::from_secs(3600))
    })
}

fn spoil(root: &Path) -> Result<(), String> {
    let mode = |path: &Path| mode_of(path).unwrap_or_default();
    files(root).iter().try_for_each(|file| {
        let before = mode(file);
        fs::write(file, SPOILT).map_err(|error| error.to_string())?;
        set_mode(file, before)
    })
}

fn lose_the_file_of_m(root: &Path) -> Result<(), String> {
    let entry = FsCatalog::new(root).and_then(|catalog| catalog.get("m"));
    let entry = entry.ok().flatten().ok_or("there is no model m")?;
    fs::remove_file(entry.local_path).map_err(|error| error.to_string())
}

fn cut_the_index(root: &Path) -> Result<(), String> {
    let file = fs::File::options()
        .write(true)
        .open(root.join("index.json"));
    file.and_then(|file| file.set_len(20))
        .map_err(|error| error.to_string())
}

fn lose_the_indexes(root: &Path) -> Result<(), String> {
    ["index.json", "index.json.previous"]
        .iter()
        .try_for_each(|name| fs::remove_file(root.join(name)).map_err(|error| error.to_string()))
}

/// Writes the index of the first edition, which another account wrote.
fn bring_an_old_index(root: &Path) -> Result<(), String> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let old = workspace.join("crates/catalog-core/tests/fixtures/index-v1.json");
    let index = root.join("index.json");
    let old = fs::read(old).map_err(|error| error.to_string())?;
    fs::write(&index, old).map_err(|error| error.to_string())?;
    let owner = fs::metadata(root).map_err(|error| error.to_string())?.uid();
    give(&index, owner)?;
    set_mode(&index, 0o660)
}
