//! Daemons that share a root and are killed at random. Every acknowledged write is there afterwards.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use catalog_core::{
    CatalogError, CatalogStore, CollectionPolicy, EngineEntry, EngineStore, FsCatalog,
    FsEngineStore, Import, ImportRequest, ModelId, ResolvedModel, StoreOptions,
    VerificationOutcomeKind, Verify,
};
use model_provisioner::ModelProvisioner;

use super::contention::increment;
use crate::figure::{Extent, Measured, Outcome, Trial};
use crate::state::{CONTENT, source, write_and_look_for_leftovers};
use crate::strace::program;
use crate::toy::ToyFetcher;

const WRITERS: [&str; 2] = ["writer-1", "writer-2"];

/// Imports managed models, and deletes them again.
const IMPORTER: &str = "importer";

/// Collects what nobody needs.
const COLLECTOR: &str = "collector";

/// Provisions models, serves them under a lease, and deletes them now and then: a `pool-managerd`.
const POOL: &str = "pool";

/// Provisions the same models, and registers an engine after each: an `engine-provisioner`.
const BUILDER: &str = "builder";

pub(super) fn measure(trial: Trial) -> Outcome {
    let time = match trial.extent {
        Extent::Quick => Duration::from_secs(5),
        Extent::Full => Duration::from_secs(60),
    };
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let root = folder.path().join("root");
    FsCatalog::new(&root).expect("a catalog can be opened");
    if let Err(error) = fs::write(source(&root), CONTENT) {
        return Outcome::Skipped(error.to_string());
    }
    let roles = [
        WRITERS[0], WRITERS[1], "reader", IMPORTER, COLLECTOR, POOL, BUILDER,
    ];
    let start = |role: &str| {
        let child = Command::new(program())
            .arg("--soak")
            .args([&root, &folder.path().join(role)])
            .arg(role)
            .spawn();
        child.expect("a process can be started")
    };
    let mut measured = Measured::default();
    let mut daemons: Vec<Child> = roles.iter().map(|role| start(role)).collect();
    let mut kills = 0;
    let mut random = 20_261_121_u64;
    let begin = Instant::now();
    while begin.elapsed() < time {
        // A linear congruence is random enough to hit any moment.
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        std::thread::sleep(Duration::from_millis(5 + (random >> 33) % 60));
        let victim = (random >> 40) as usize % roles.len();
        if let Ok(Some(status)) = daemons[victim].try_wait() {
            measured.violation(format!("{} ended by itself: {status}", roles[victim]));
        }
        drop(daemons[victim].kill());
        drop(daemons[victim].wait());
        kills += 1;
        daemons[victim] = start(roles[victim]);
    }
    for daemon in &mut daemons {
        drop(daemon.kill());
        drop(daemon.wait());
    }

    let patient = StoreOptions {
        lock_wait: Duration::from_secs(5),
        ..StoreOptions::default()
    };
    let mut acknowledged = 0;
    match FsCatalog::open(&root, patient) {
        Err(error) => measured.violation(error.to_string()),
        Ok(catalog) => {
            for writer in WRITERS {
                let told = number_in(&folder.path().join(writer));
                let entry = catalog.get(writer).ok().flatten();
                let found = entry.and_then(|entry| entry.last_verified_ms).unwrap_or(0);
                acknowledged += told;
                measured.check(found >= told, || {
                    format!("{writer} was told {told}, the catalog says {found}")
                });
            }
            check_managed(&catalog, &mut measured);
            let told = number_in(&folder.path().join(BUILDER));
            let found = engines_built(&root).unwrap_or(0);
            measured.count("engines built", told);
            measured.check(found >= told && told > 0, || {
                format!("{BUILDER} was told {told}, the engines say {found}")
            });
            if let Err(error) = increment(&catalog, &["after"]) {
                measured.violation(format!("stuck: {error}"));
            }
        }
    }
    if let Err(error) = write_and_look_for_leftovers(&root) {
        measured.violation(error);
    }
    let reads = number_in(&folder.path().join("reader"));
    let imports = number_in(&folder.path().join(IMPORTER));
    let collections = number_in(&folder.path().join(COLLECTOR));
    let served = number_in(&folder.path().join(POOL));
    measured.count("models served", served);
    measured.count("imports", imports);
    measured.count("collections", collections);
    measured.check(imports > 0 && collections > 0 && served > 0, || {
        "nothing was imported, collected or served".to_owned()
    });
    measured.count("kills", kills);
    measured.count("acknowledged writes", acknowledged);
    measured.count("reads", reads);
    measured.check(acknowledged > 0 && reads > 0, || {
        "nothing was done".to_owned()
    });
    Outcome::Measured(measured)
}

/// Every registered managed model has the bytes of its digest.
fn check_managed(catalog: &FsCatalog, measured: &mut Measured) {
    for entry in catalog.list().unwrap_or_default() {
        if entry.id.starts_with(IMPORTER) || entry.id.starts_with("hf:") {
            let found = catalog.verify(&entry.id, Verify::Full, &mut |_| Ok(()));
            let is_right =
                found.is_ok_and(|found| found.outcome.kind == VerificationOutcomeKind::Pass);
            measured.check(is_right, || format!("{} has a wrong digest", entry.id));
        }
    }
}

/// Imports a model, looks at its bytes, and deletes it, under one of a few ids in turn.
fn import_and_delete(catalog: &FsCatalog, number: u64) -> catalog_core::Result<()> {
    let id = ModelId::new(format!("{IMPORTER}-{}", number % 4))?;
    let source = source(catalog.root());
    let mut request = ImportRequest::new(&id, &source);
    request.how = Import::Copy;
    let entry = catalog.import(&request, &mut |_| Ok(()))?;
    if fs::read(&entry.local_path).ok().as_deref() != Some(CONTENT) {
        return Err(CatalogError::ArtifactChanged {
            path: entry.local_path,
        });
    }
    if number.is_multiple_of(2) {
        catalog.delete(&id)?;
    }
    Ok(())
}

/// The models that both daemons provision, in turn.
fn provision(catalog: &FsCatalog, number: u64) -> Result<ResolvedModel, String> {
    let provisioner = ModelProvisioner::new(catalog, ToyFetcher::of(CONTENT));
    let found = provisioner.ensure_present_str(&format!("hf:org/model-{}", number % 3), None);
    found.map_err(|error| format!("{}: {error}", error.code()))
}

fn serve(catalog: &FsCatalog, number: u64) -> Result<(), String> {
    let found = provision(catalog, number)?;
    let lease = match catalog.lease(&found.id) {
        Ok(lease) => lease,
        // Only this daemon deletes; a collection may not.
        Err(error) => return Err(error.to_string()),
    };
    if fs::read(&found.local_path).ok().as_deref() != Some(CONTENT) {
        return Err(format!("{} is not what was provisioned", found.id));
    }
    drop(lease);
    if number.is_multiple_of(4) {
        catalog
            .delete(&found.id)
            .map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn build(catalog: &FsCatalog, number: u64) -> Result<(), String> {
    let text = |error: CatalogError| error.to_string();
    provision(catalog, number)?;
    let engines = FsEngineStore::new(catalog.root()).map_err(text)?;
    let entry = EngineEntry {
        id: BUILDER.to_owned(),
        engine: "engine".to_owned(),
        version: number.to_string(),
        build_ref: None,
        digest: None,
        build_flags: None,
        artifacts: Vec::new(),
        created_ms: 0,
    };
    engines.put(&entry).map_err(text)
}

/// The number of the last engine that was registered.
fn engines_built(root: &Path) -> Option<u64> {
    let entry = FsEngineStore::new(root).ok()?.get(BUILDER).ok()??;
    entry.version.parse().ok()
}

fn collect(catalog: &FsCatalog) -> catalog_core::Result<()> {
    let plan = catalog.plan_collection(&CollectionPolicy::default())?;
    catalog.collect(&plan).map(drop)
}

fn number_in(path: &Path) -> u64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines()
        .next_back()
        .and_then(|line| line.parse().ok())
        .unwrap_or(0)
}

/// A daemon: `ROOT ANSWERS ROLE`, for ever.
pub fn run_daemon(arguments: &[String]) -> Result<(), String> {
    let [root, answers, role] = arguments else {
        return Err("ROOT ANSWERS ROLE".to_owned());
    };
    let text = |error: catalog_core::CatalogError| error.to_string();
    let catalog = FsCatalog::new(root).map_err(text)?;
    let told = fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(answers);
    let mut told = told.map_err(|error| error.to_string())?;
    // One write is whole or not there after a kill.
    let mut answer = |number: u64| {
        told.write_all(format!("{number}\n").as_bytes())
            .map_err(|error| error.to_string())
    };
    let mut reads = number_in(Path::new(answers));
    let mut seen = [0_u64; WRITERS.len()];
    loop {
        if [IMPORTER, COLLECTOR, POOL, BUILDER].contains(&role.as_str()) {
            reads += 1;
            match role.as_str() {
                IMPORTER => import_and_delete(&catalog, reads).map_err(text)?,
                POOL => serve(&catalog, reads)?,
                BUILDER => build(&catalog, reads)?,
                _ => collect(&catalog).map_err(text)?,
            }
            answer(reads)?;
            continue;
        }
        if role != "reader" {
            answer(increment(&catalog, &[role]).map_err(text)?)?;
            continue;
        }
        for (writer, seen) in WRITERS.iter().zip(&mut seen) {
            let entry = catalog.get(writer).map_err(text)?;
            let now = entry.and_then(|entry| entry.last_verified_ms).unwrap_or(0);
            if now < *seen {
                return Err(format!("{writer} went back from {seen} to {now}"));
            }
            *seen = now;
        }
        reads += 1;
        if reads.is_multiple_of(64) {
            answer(reads)?;
        }
    }
}
