//! Roots that cannot be written, are not there any more, or are something else by now.

use std::fs;
use std::path::Path;

use catalog_core::{CatalogStore, FsCatalog, Locking, StoreOptions};

use super::contention::increment;
use crate::figure::{Measured, Outcome, Sabotage, Trial};
use crate::mounts::Mount;
use crate::steps::{Step, answers};
use crate::strace::{Site, missing};

/// A place, and what reading and writing there must come to: `ok` or the code of an error.
type Case = (
    &'static str,
    fn(Sabotage) -> Result<Answers, String>,
    [&'static str; 2],
);

/// What reading and writing came to.
type Answers = [String; 2];

const CASES: [Case; 6] = [
    ("read-only file system", read_only, ["ok", "not_writable"]),
    (
        "unmounted under an open handle",
        unmounted,
        ["root_changed"; 2],
    ),
    ("deleted under an open handle", deleted, ["root_changed"; 2]),
    (
        "replaced under an open handle",
        replaced,
        ["root_changed"; 2],
    ),
    ("a link to a folder", linked, ["ok", "ok"]),
    (
        "a file system without locks",
        without_locks,
        ["ok", "locks_unsupported"],
    ),
];

pub(super) fn measure(trial: Trial) -> Outcome {
    let mut measured = Measured::of(trial);
    let (mut tried, mut skipped) = (0, Vec::new());
    for (name, case, expected) in CASES {
        match case(trial.sabotage) {
            Ok(found) => {
                tried += 1;
                measured.check(found == expected, || {
                    format!("{name}: reading and writing gave {found:?}, not {expected:?}")
                });
            }
            Err(reason) => skipped.push(format!("{name} ({reason})")),
        }
    }
    measured.count("roots", tried);
    measured.count(
        "skipped",
        format!(
            "{}{}",
            skipped.len(),
            skipped
                .iter()
                .map(|s| format!(" [{s}]"))
                .collect::<String>()
        ),
    );
    Outcome::Measured(measured)
}

fn code<T>(result: catalog_core::Result<T>) -> String {
    match result {
        Ok(_) => "ok".to_owned(),
        Err(error) => error.code().to_owned(),
    }
}

/// A catalog with an entry, at a path that is made.
fn catalog(root: &Path) -> Result<FsCatalog, String> {
    let catalog = FsCatalog::new(root).map_err(|error| error.to_string())?;
    increment(&catalog, &["id"]).map_err(|error| error.to_string())?;
    Ok(catalog)
}

fn try_both(catalog: &FsCatalog) -> Answers {
    // What is cached would be no test.
    [code(catalog.get("id")), code(increment(catalog, &["id"]))]
}

/// Tries a handle whose root is another one by now. The sabotage opens the root again, as if the product did
/// not look whether it is still the same.
fn try_changed(catalog: &FsCatalog, sabotage: Sabotage) -> Answers {
    if sabotage != Sabotage::FreshHandles {
        return try_both(catalog);
    }
    match FsCatalog::new(catalog.root()) {
        Ok(again) => try_both(&again),
        Err(error) => [error.code(), error.code()].map(str::to_owned),
    }
}

fn read_only(_: Sabotage) -> Result<Answers, String> {
    let mount = Mount::in_memory("size=1m")?;
    let root = mount.path().join("root");
    catalog(&root)?;
    mount.make_read_only()?;
    let again = FsCatalog::new(&root).map_err(|error| error.to_string())?;
    Ok(try_both(&again))
}

fn unmounted(sabotage: Sabotage) -> Result<Answers, String> {
    let mount = Mount::in_memory("size=1m")?;
    let catalog = catalog(&mount.path())?;
    mount.detach()?;
    let found = try_changed(&catalog, sabotage);
    let is_untouched = fs::read_dir(mount.path()).is_ok_and(|mut entries| entries.next().is_none());
    if is_untouched {
        Ok(found)
    } else {
        Ok(["written".to_owned(), "below".to_owned()])
    }
}

fn folder() -> Result<tempfile::TempDir, String> {
    tempfile::tempdir().map_err(|error| error.to_string())
}

fn deleted(sabotage: Sabotage) -> Result<Answers, String> {
    let folder = folder()?;
    let root = folder.path().join("root");
    let catalog = catalog(&root)?;
    fs::remove_dir_all(&root).map_err(|error| error.to_string())?;
    Ok(try_changed(&catalog, sabotage))
}

fn replaced(sabotage: Sabotage) -> Result<Answers, String> {
    let folder = folder()?;
    let root = folder.path().join("root");
    let catalog = catalog(&root)?;
    let other = folder.path().join("other");
    self::catalog(&other)?;
    fs::rename(&root, folder.path().join("moved")).map_err(|error| error.to_string())?;
    fs::rename(&other, &root).map_err(|error| error.to_string())?;
    Ok(try_changed(&catalog, sabotage))
}

fn linked(_: Sabotage) -> Result<Answers, String> {
    let folder = folder()?;
    let real = folder.path().join("real");
    fs::create_dir(&real).map_err(|error| error.to_string())?;
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&real, &link).map_err(|error| error.to_string())?;
    Ok(try_both(&catalog(&link)?))
}

fn without_locks(_: Sabotage) -> Result<Answers, String> {
    if let Some(reason) = missing() {
        return Err(reason);
    }
    let site = Site::new();
    let inject = "inject=flock:error=EOPNOTSUPP".to_owned();
    site.run(
        &[Step::PutA],
        &[
            "-o".to_owned(),
            "/dev/null".to_owned(),
            "-e".to_owned(),
            inject,
        ],
    );
    let found = answers(&site.answers()).into_iter().flatten().next();
    let reading = code(FsCatalog::new(site.root()).and_then(|catalog| catalog.list()));
    let alone = StoreOptions::default().locking(Locking::SingleProcess);
    let catalog = FsCatalog::open(site.root(), alone).map_err(|error| error.to_string())?;
    increment(&catalog, &["id"]).map_err(|error| error.to_string())?;
    Ok([reading, found.unwrap_or_else(|| "no answer".to_owned())])
}
