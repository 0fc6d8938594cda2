//! One bad thing among many good ones. Collections, scrubs, deletions, repairs, rebuilds and
//! provisioning report the bad one and go on with the rest.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use catalog_core::maintenance::{BadFile, CollectionPolicy, ScrubBudget, Verify};
use catalog_core::{
    CatalogError, CatalogStore, FsCatalog, ImportRequest, ModelId, Result, StagedFile,
    VerificationOutcomeKind, rebuild,
};
use model_provisioner::ModelProvisioner;

use self::bad::{Artifact, Bad};
use crate::figure::{Extent, Measured, Outcome, Sabotage, Trial};
use crate::mounts::{Mount, run};
use crate::state::{CONTENT, describe};
use crate::toy::ToyFetcher;

mod bad;

/// The models that stay good. The last of them has no entry.
const GOOD: [&str; 3] = ["good-1", "good-2", "loose"];

/// The models that turn bad. The last of them has no entry.
const BAD: [&str; 2] = ["bad", "bad-loose"];

/// A call beside a bad thing, and whether the good things are as they should be behind it.
type Call = (&'static str, fn(&Path) -> Result<bool>);

const CALLS: [Call; 6] = [
    ("collection", |root| {
        let catalog = FsCatalog::new(root)?;
        let loose = folder_of(root, "loose");
        collect(&catalog)?;
        Ok(!loose.is_some_and(|folder| folder.exists())
            && passes(&catalog, "good-1")?
            && passes(&catalog, "good-2")?)
    }),
    ("scrub", |root| {
        let catalog = FsCatalog::new(root)?;
        let budget = ScrubBudget::new(u64::MAX, Duration::from_secs(60));
        let report = catalog.scrub(budget, &mut |_, _| Ok(()))?;
        let good = report.verified.iter().filter(|found| {
            found.id.starts_with("good") && found.outcome.kind == VerificationOutcomeKind::Pass
        });
        Ok(good.count() == 2)
    }),
    ("deletion", |root| {
        let catalog = FsCatalog::new(root)?;
        let folder = folder_of(root, "good-1");
        let is_deleted = catalog.delete("good-1")?;
        Ok(is_deleted
            && !folder.is_some_and(|folder| folder.exists())
            && passes(&catalog, "good-2")?)
    }),
    ("repair", |root| {
        let catalog = FsCatalog::new(root)?;
        if let Some(entry) = catalog.get("good-2")? {
            drop(fs::remove_file(entry.local_path));
        }
        let bring = &mut |_: &BadFile<'_>, file: &mut StagedFile<'_>| {
            file.write_all(&content("good-2"))
                .map_err(|source| CatalogError::Io {
                    action: "write",
                    path: "good-2".into(),
                    source,
                })
        };
        catalog.repair("good-2", bring, &mut |_| Ok(()))?;
        passes(&catalog, "good-2")
    }),
    ("provisioning", |root| {
        let catalog = FsCatalog::new(root)?;
        let provisioner = ModelProvisioner::new(&catalog, ToyFetcher::of(CONTENT));
        let found = provisioner.ensure_present_str("hf:org/p", None);
        Ok(found.is_ok_and(|found| fs::read(found.local_path).is_ok_and(|bytes| bytes == CONTENT)))
    }),
    ("rebuild", |root| {
        for name in ["index.json", "index.json.previous"] {
            drop(fs::remove_file(root.join(name)));
        }
        let report = rebuild(root)?;
        let catalog = FsCatalog::new(root)?;
        let is_restored = |id: &&str| report.restored.iter().any(|restored| restored == id);
        Ok(GOOD.iter().all(is_restored) && passes(&catalog, "good-1")?)
    }),
];

pub(super) fn measure(trial: Trial) -> Outcome {
    // Files that nobody can remove are made on ext4.
    let mount = match Mount::in_fast_image("mkfs.ext4", &["-q", "-F", "-N", "60000"], 256 << 20) {
        Ok(mount) => mount,
        Err(reason) => return Outcome::Skipped(reason),
    };
    // The programs that make bad things.
    let folder = mount.path().display().to_string();
    for (program, arguments) in [("chattr", ["-i", &folder]), ("python3", ["-c", ""])] {
        if let Err(reason) = run(program, &arguments) {
            return Outcome::Skipped(reason);
        }
    }
    let mut measured = Measured::of(trial);
    let all: Vec<(usize, &Bad)> = bad::ALL.iter().enumerate().collect();
    let tried = measured.for_each(&all, |(number, bad), measured| {
        // In the quick run a tree of many levels is made for one call only.
        let calls = match trial.extent {
            Extent::Quick if bad.is_deep() => &CALLS[..1],
            _ => &CALLS[..],
        };
        for (at, (what, call)) in calls.iter().enumerate() {
            let root = mount.path().join(format!("root-{number}-{at}"));
            match try_call(&root, bad, trial.sabotage, *call) {
                Ok(true) => {}
                Ok(false) => measured.violation(format!(
                    "{what} beside {}: the rest is not as it should be",
                    bad.name
                )),
                Err(error) => measured.violation(format!("{what} beside {}: {error}", bad.name)),
            }
            bad.heal(&root);
            if let Err(error) = remove_by_collection(&root, trial.sabotage) {
                measured.violation(format!("after {what} beside {}: {error}", bad.name));
            }
            if bad.is_deep() {
                drop(run("rm", &["-rf", &root.to_string_lossy()]));
            }
            if measured.is_hopeless() {
                break;
            }
        }
        calls.len()
    });
    measured.count("bad things", bad::ALL.len());
    measured.count("calls beside them", tried);
    Outcome::Measured(measured)
}

fn try_call(
    root: &Path,
    bad: &Bad,
    sabotage: Sabotage,
    call: fn(&Path) -> Result<bool>,
) -> std::result::Result<bool, String> {
    prepare(root)?;
    for id in BAD {
        let catalog = FsCatalog::new(root).map_err(text)?;
        let folder = folder_of(root, id).ok_or("an artifact is not there")?;
        let artifact = Artifact {
            root: catalog.root().to_path_buf(),
            file: folder.join("files/source.bin"),
            folder,
        };
        bad.make(&artifact)?;
    }
    if sabotage == Sabotage::BadPins {
        fs::write(root.join("pins.json"), "{").map_err(|error| error.to_string())?;
    }
    call(root).map_err(text)
}

/// Once the bad thing is mended, two collections remove what is aside: nothing stays for ever.
fn remove_by_collection(root: &Path, sabotage: Sabotage) -> std::result::Result<(), String> {
    if sabotage != Sabotage::Nothing {
        return Ok(());
    }
    let catalog = FsCatalog::new(root).map_err(text)?;
    for _ in 0..2 {
        collect(&catalog).map_err(text)?;
    }
    for name in ["removed", "staging"] {
        let left = fs::read_dir(root.join(name)).map_or(0, Iterator::count);
        if left > 0 {
            return Err(format!("{left} things stay in {name}"));
        }
    }
    Ok(())
}

fn prepare(root: &Path) -> std::result::Result<(), String> {
    fs::create_dir_all(root).map_err(|error| error.to_string())?;
    let catalog = FsCatalog::new(root).map_err(text)?;
    for id in GOOD.into_iter().chain(BAD) {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let source = folder.path().join("source.bin");
        fs::write(&source, content(id)).map_err(|error| error.to_string())?;
        let id: ModelId = id.parse().map_err(text)?;
        let request = ImportRequest::new(&id, &source);
        let entry = catalog.import(&request, &mut |_| Ok(())).map_err(text)?;
        let key = entry
            .local_path
            .parent()
            .and_then(Path::parent)
            .map(Path::to_path_buf);
        std::os::unix::fs::symlink(key.unwrap_or_default(), root.join(format!("of-{id}")))
            .map_err(|error| error.to_string())?;
    }
    let forgotten = catalog.update(|edit| Ok(edit.forget("loose") | edit.forget("bad-loose")));
    forgotten.map(drop).map_err(text)
}

/// Returns the folder of the artifact of a model, which may have no entry.
fn folder_of(root: &Path, id: &str) -> Option<std::path::PathBuf> {
    fs::read_link(root.join(format!("of-{id}"))).ok()
}

fn collect(catalog: &FsCatalog) -> Result<()> {
    let plan = catalog.plan_collection(&CollectionPolicy::default())?;
    catalog.collect(&plan).map(drop)
}

fn passes(catalog: &FsCatalog, id: &str) -> Result<bool> {
    let found = catalog.verify(id, Verify::Full, &mut |_| Ok(()))?;
    Ok(found.outcome.kind == VerificationOutcomeKind::Pass)
}

fn content(id: &str) -> Vec<u8> {
    format!("the weights of {id}").into_bytes()
}

fn text(error: CatalogError) -> String {
    describe(&error)
}
