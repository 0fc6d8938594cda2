//! Disks that are full to the last byte or the last inode. Every call that frees space, and every
//! read, succeeds there; a call that is refused leaves everything as it was.

use std::fs;
use std::path::Path;

use catalog_core::maintenance::{CollectionPolicy, Verify};
use catalog_core::{
    CatalogError, CatalogStore, EngineStore, FsCatalog, FsEngineStore, ImportRequest,
    LifecycleState, ModelId, Result, VerificationOutcomeKind,
};
use model_provisioner::ModelProvisioner;

use self::fill::fill_inodes;
use self::metadata::try_full_of_metadata;
use super::contention::increment;
use crate::figure::{Measured, Outcome, Sabotage, Trial};
use crate::mounts::Mount;
use crate::state::{CONTENT, describe, model};
use crate::toy::ToyFetcher;

mod fill;
mod metadata;

pub(super) use fill::fill_bytes;

/// A kind of disk: how it is made, and how it is filled.
struct Disk {
    name: &'static str,
    mount: fn() -> std::result::Result<Mount, String>,
    fill: fn(&Path),
}

const DISKS: [Disk; 6] = [
    Disk {
        name: "ext4, bytes",
        mount: || Mount::in_large_image("mkfs.ext4", &["-q", "-F", "-m", "0"], 24 << 20),
        fill: fill_bytes,
    },
    Disk {
        name: "ext4, inodes",
        mount: || Mount::in_large_image("mkfs.ext4", &["-q", "-F", "-N", "256"], 24 << 20),
        fill: fill_inodes,
    },
    Disk {
        name: "XFS, bytes",
        mount: || Mount::in_image("mkfs.xfs", &["-q"]),
        fill: fill_bytes,
    },
    Disk {
        name: "tmpfs, bytes",
        mount: || Mount::in_memory("size=4m"),
        fill: fill_bytes,
    },
    Disk {
        name: "tmpfs, inodes",
        mount: || Mount::in_memory("size=8m,nr_inodes=160"),
        fill: fill_inodes,
    },
    Disk {
        name: "btrfs, bytes",
        mount: || Mount::in_image("mkfs.btrfs", &["-q"]),
        fill: fill_bytes,
    },
];

/// The models that each root begins with: all have different bytes.
const MODELS: [&str; 6] = [
    "deleted",
    "retired",
    "pinned",
    "collected",
    "verified",
    "kept",
];

/// The entries in place that each root begins with, so that the index has a usual length.
const ENTRIES: usize = 40;

/// A call, and whether the root is as it should be behind it.
type Call = (&'static str, fn(&Path) -> Result<bool>);

const CALLS: [Call; 14] = [
    ("list", |root| {
        Ok(FsCatalog::new(root)?.list()?.len() > ENTRIES)
    }),
    ("engines", |root| {
        Ok(FsEngineStore::new(root)?.list()?.is_empty())
    }),
    ("lease", |root| {
        let catalog = FsCatalog::new(root)?;
        let lease = catalog.lease("kept")?;
        Ok(fs::read(lease.path()).is_ok_and(|bytes| bytes == content("kept")))
    }),
    ("quick verification", |root| {
        passes(&FsCatalog::new(root)?, "kept", Verify::Quick)
    }),
    ("verification", |root| {
        passes(&FsCatalog::new(root)?, "verified", Verify::Full)
    }),
    ("warm provisioning", |root| {
        let catalog = FsCatalog::new(root)?;
        let provisioner = ModelProvisioner::new(&catalog, ToyFetcher::of(CONTENT));
        let found = provisioner.ensure_present_str("hf:org/p", None);
        Ok(found.is_ok_and(|found| fs::read(found.local_path).is_ok_and(|bytes| bytes == CONTENT)))
    }),
    ("a change of one entry", |root| {
        let catalog = FsCatalog::new(root)?;
        increment(&catalog, &["in-place-7"])?;
        Ok(catalog
            .get("in-place-7")?
            .is_some_and(|entry| entry.last_verified_ms == Some(1)))
    }),
    ("retirement", |root| {
        let catalog = FsCatalog::new(root)?;
        catalog.set_state("retired", LifecycleState::Retired)?;
        Ok(catalog
            .get("retired")?
            .is_some_and(|entry| entry.lifecycle == LifecycleState::Retired))
    }),
    ("unpinning", |root| {
        let catalog = FsCatalog::new(root)?;
        Ok(catalog.unpin(&"pinned".parse()?, "full-disk")? && catalog.pins()?.is_empty())
    }),
    ("deletion", |root| {
        let catalog = FsCatalog::new(root)?;
        let path = catalog.get("deleted")?.map(|entry| entry.local_path);
        let is_deleted = catalog.delete("deleted")? && catalog.get("deleted")?.is_none();
        Ok(is_deleted && path.is_some_and(|path| !path.exists()))
    }),
    ("deletion of a file below the root", |root| {
        let catalog = FsCatalog::new(root)?;
        Ok(catalog.delete("own")? && !root.join("model-own").exists())
    }),
    ("deletion of an entry in place", |root| {
        let catalog = FsCatalog::new(root)?;
        Ok(catalog.delete("in-place-8")? && catalog.get("in-place-8")?.is_none())
    }),
    ("collection", |root| {
        let catalog = FsCatalog::new(root)?;
        let plan = catalog.plan_collection(&CollectionPolicy::default())?;
        let done = catalog.collect(&plan)?;
        let staging = fs::read_dir(root.join("staging")).map(Iterator::count);
        Ok(
            done.spared.is_empty()
                && done.removed.len() >= 2
                && staging.is_ok_and(|left| left == 0),
        )
    }),
    ("deletion of all models", |root| {
        let catalog = FsCatalog::new(root)?;
        for entry in catalog.list()? {
            catalog.delete(&entry.id)?;
        }
        Ok(catalog.list()?.is_empty())
    }),
];

pub(super) fn measure(trial: Trial) -> Outcome {
    let mut measured = Measured::of(trial);
    let (mut tried, mut refused, mut skipped) = (0, 0, Vec::new());
    for disk in &DISKS {
        if measured.is_hopeless() {
            break;
        }
        // One after the other, as each takes a loop device.
        match (disk.mount)() {
            Err(reason) => skipped.push(format!("[{}: {reason}]", disk.name)),
            Ok(mount) => {
                let root = mount.path().join("root");
                if let Err(error) = prepare(&root) {
                    measured.violation(format!("{}: {error}", disk.name));
                    continue;
                }
                if trial.sabotage == Sabotage::NoSpare {
                    drop(fs::remove_file(root.join(".index.json.spare")));
                }
                for (what, call) in CALLS {
                    if measured.is_hopeless() {
                        break;
                    }
                    (disk.fill)(&mount.path());
                    tried += 1;
                    match call(&root) {
                        Ok(is_right) => measured.check(is_right, || {
                            format!(
                                "{}: after {what} the root is not as it should be",
                                disk.name
                            )
                        }),
                        Err(error) => {
                            measured.violation(format!(
                                "{}: {what}: {}",
                                disk.name,
                                describe(&error)
                            ));
                        }
                    }
                    if what == "unpinning" {
                        refused += try_refused(disk, &mount, &root, &mut measured);
                    }
                }
            }
        }
    }
    if measured.is_hopeless() {
        return Outcome::Measured(measured);
    }
    let mut disks = DISKS.len() - skipped.len();
    match try_full_of_metadata(&mut measured) {
        Ok((made, not_made)) => {
            disks += 1;
            tried += made;
            refused += not_made;
        }
        Err(reason) => skipped.push(format!("[btrfs, metadata: {reason}]")),
    }
    measured.count("full disks", disks);
    measured.count("calls that free or read", tried);
    measured.count("calls that were refused and changed nothing", refused);
    if !skipped.is_empty() {
        measured.count(
            "skipped",
            format!("{} {}", skipped.len(), skipped.join(" ")),
        );
    }
    Outcome::Measured(measured)
}

/// Fills a root with models, entries, a pin, an artifact without an entry, and a staging area whose
/// owner died.
fn prepare(root: &Path) -> std::result::Result<(), String> {
    let text = |error: CatalogError| describe(&error);
    fs::create_dir_all(root).map_err(|error| error.to_string())?;
    let catalog = FsCatalog::new(root).map_err(text)?;
    for id in MODELS {
        let source = root.with_file_name("source.bin");
        fs::write(&source, content(id)).map_err(|error| error.to_string())?;
        let id: ModelId = id.parse().map_err(text)?;
        let request = ImportRequest::new(&id, &source);
        catalog.import(&request, &mut |_| Ok(())).map_err(text)?;
    }
    for number in 0..ENTRIES {
        let mut entry = model(&format!("in-place-{number}"), LifecycleState::Active);
        entry.local_path = format!("/srv/models/{number}").into();
        catalog.put(&entry).map_err(text)?;
    }
    fs::write(root.join("model-own"), "own").map_err(|error| error.to_string())?;
    catalog
        .put(&model("own", LifecycleState::Active))
        .map_err(text)?;
    let pinned = "pinned".parse().map_err(text)?;
    catalog
        .pin(&pinned, "full-disk", "a figure")
        .map_err(text)?;
    let provisioner = ModelProvisioner::new(&catalog, ToyFetcher::of(CONTENT));
    let provisioned = provisioner.ensure_present_str("hf:org/p", None);
    provisioned.map_err(|error| error.to_string())?;
    let forgotten = catalog.update(|edit| Ok(edit.forget("collected")));
    forgotten.map_err(text)?;
    let abandoned = root.join("staging").join("ab".repeat(16));
    fs::create_dir_all(abandoned.join("artifact/files")).map_err(|error| error.to_string())?;
    fs::write(abandoned.join("claim"), "").map_err(|error| error.to_string())
}

/// Calls that need space. Returns how many were refused.
fn try_refused(disk: &Disk, mount: &Mount, root: &Path, measured: &mut Measured) -> usize {
    (disk.fill)(&mount.path());
    let look = || {
        let catalog = FsCatalog::new(root)?;
        Ok((catalog.list()?, catalog.pins()?, names_below(root)))
    };
    let before: Result<_> = look();
    let import = || {
        let catalog = FsCatalog::new(root)?;
        let id = "refused".parse()?;
        let source = crate::strace::program();
        catalog
            .import(&ImportRequest::new(&id, &source), &mut |_| Ok(()))
            .map(drop)
    };
    let many = || {
        let catalog = FsCatalog::new(root)?;
        catalog.update(|edit| {
            (0..2_000).try_for_each(|number| {
                let id = format!("{number}{:->200}", "");
                edit.put(&model(&id, LifecycleState::Active))
            })
        })
    };
    let mut refused = 0;
    let calls: [(&str, &dyn Fn() -> Result<()>); 2] =
        [("import", &import), ("2,000 entries", &many)];
    for (what, call) in calls {
        let is_refused = match call() {
            Ok(()) => false,
            Err(error) => {
                let is_typed = ["io", "no_space"].contains(&error.code());
                measured.check(is_typed, || {
                    format!("{}: {what}: {}", disk.name, describe(&error))
                });
                true
            }
        };
        measured.check(is_refused, || {
            format!("{}: {what} was not refused", disk.name)
        });
        refused += usize::from(is_refused);
        let is_same = matches!((&before, look()), (Ok(before), Ok(after)) if *before == after);
        measured.check(is_same, || format!("{}: {what} left a change", disk.name));
    }
    refused
}

/// The names of all files below a folder, apart from locks.
fn names_below(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
        {
            match path.is_dir() {
                true if path.ends_with("locks") => {}
                true => folders.push(path),
                false => names.push(path.display().to_string()),
            }
        }
    }
    names.sort();
    names
}

fn passes(catalog: &FsCatalog, id: &str, how: Verify) -> Result<bool> {
    let found = catalog.verify(id, how, &mut |_| Ok(()))?;
    Ok(found.outcome.kind == VerificationOutcomeKind::Pass)
}

fn content(id: &str) -> Vec<u8> {
    id.repeat(10_000).into_bytes()
}
