//! Our own rows alone, in one short round, for `tests/peers/compare`, which has two builds take turns:
//! `ours [ROW…]` prints a line `ROW<tab>VALUE` for each, in seconds, or in bytes for memory.

use std::path::Path;
use std::time::{Duration, Instant};

use catalog_core::maintenance::{CollectionPolicy, Verify};
use catalog_core::{
    CatalogEntry, CatalogStore, Digest, Expectation, FileFetcher, FsCatalog, ImportRequest,
    ModelRef,
};
use model_provisioner::{ModelProvisioner, Policy, StagingMode};
use workspace_tests::state::register_others;

use crate::catalog::entry;
use crate::child;
use crate::files::{MIB, fill, write_back};
use crate::memory::peak;

pub const WORD: &str = "ours";

/// How many entries the catalog has.
const SIZE: usize = 10_000;

/// Measures a row in a folder: the names of its values, and the values.
type Measure = fn(&Path) -> Vec<(String, f64)>;

/// The rows and their measurements.
const ROWS: [(&str, Measure); 6] = [
    ("catalog", catalog),
    ("import", import),
    ("verify", verify),
    ("lookup", lookup),
    ("collect", collect),
    ("memory", memory),
];

/// Measures the rows of these names, or all.
pub fn run(names: &[String]) {
    for name in names {
        let is_known = ROWS.iter().any(|(row, _)| row == name);
        assert!(is_known, "{name} is no row");
    }
    for (row, measure) in ROWS {
        if names.is_empty() || names.iter().any(|name| name == row) {
            let folder = tempfile::tempdir_in(".").expect("a folder can be made here");
            let base = folder.path().canonicalize().expect("it is there");
            write_back();
            for (work, value) in measure(&base) {
                println!("{work}\t{value:e}");
            }
        }
    }
}

/// The median time that one of some calls takes, in seconds.
fn each(count: usize, mut call: impl FnMut(usize)) -> f64 {
    let mut times: Vec<f64> = (0..count)
        .map(|number| {
            let begin = Instant::now();
            call(number);
            begin.elapsed().as_secs_f64()
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn row(work: &str, value: f64) -> (String, f64) {
    (work.to_owned(), value)
}

fn changed(entries: &[CatalogEntry], number: usize) -> CatalogEntry {
    CatalogEntry {
        last_verified_ms: Some(number as u64),
        ..entries[number * 7919 % entries.len()].clone()
    }
}

fn catalog(base: &Path) -> Vec<(String, f64)> {
    let root = base.join("catalog");
    let catalog = FsCatalog::new(&root).expect("it opens");
    let entries: Vec<CatalogEntry> = (0..SIZE).map(entry).collect();
    let all = catalog.update(|edit| entries.iter().try_for_each(|entry| edit.put(entry)));
    all.expect("they can be put");
    // A handle is at its fastest once the index is older than the file system's clock is coarse.
    std::thread::sleep(Duration::from_secs(2));
    let get = each(9, |round| {
        for number in 0..20_000 {
            let id = &entries[(round + number * 7919) % SIZE].id;
            assert!(catalog.get(id).expect("it can be read").is_some());
        }
    });
    let list = each(20, |_| {
        assert_eq!(catalog.list().expect("it can be read").len(), SIZE);
    });
    let put = each(60, |number| {
        let changed = changed(&entries, number);
        catalog.put(&changed).expect("it can be put");
    });
    let threads = each(12, |number| {
        let (catalog, entries) = (&catalog, &entries);
        std::thread::scope(|scope| {
            for thread in 0..16 {
                let changed = changed(entries, number * 16 + thread);
                scope.spawn(move || catalog.put(&changed).expect("it can be put"));
            }
        });
    });
    let open = each(15, |_| {
        let fresh = FsCatalog::new(&root).expect("it opens");
        assert_eq!(fresh.list().expect("it can be read").len(), SIZE);
    });
    vec![
        row("get", get / 20_000.0),
        row("list", list),
        row("put", put),
        row("put, each of 16 threads", threads),
        row("open and list", open),
    ]
}

fn import(base: &Path) -> Vec<(String, f64)> {
    let source = base.join("source.bin");
    fill(&source, 200 * MIB, 1);
    let catalog = FsCatalog::new(base.join("catalog")).expect("it opens");
    let mut times: Vec<f64> = (0..3)
        .map(|_| {
            write_back();
            let begin = Instant::now();
            let id = "model".parse().expect("it is an id");
            let request = ImportRequest::new(&id, &source);
            let imported = catalog.import(&request, &mut |_| Ok(()));
            imported.expect("it can be imported");
            let took = begin.elapsed().as_secs_f64();
            catalog.delete("model").expect("it can be deleted");
            took
        })
        .collect();
    times.sort_by(f64::total_cmp);
    vec![row("import of 200 MiB", times[1])]
}

fn verify(base: &Path) -> Vec<(String, f64)> {
    let source = base.join("source.bin");
    fill(&source, 200 * MIB, 1);
    let catalog = FsCatalog::new(base.join("catalog")).expect("it opens");
    let id = "model".parse().expect("it is an id");
    let imported = catalog.import(&ImportRequest::new(&id, &source), &mut |_| Ok(()));
    imported.expect("it can be imported");
    let verify = |how| {
        let found = catalog.verify("model", how, &mut |_| Ok(()));
        found.expect("it can be verified");
    };
    let full = each(3, |_| verify(Verify::Full));
    // Until the files are older than the clock of the file system is coarse.
    std::thread::sleep(Duration::from_secs(2));
    verify(Verify::Quick);
    let quick = each(40, |_| verify(Verify::Quick));
    vec![
        row("verify, full, 200 MiB", full),
        row("verify, quick", quick),
    ]
}

fn lookup(base: &Path) -> Vec<(String, f64)> {
    let model = base.join("model.bin");
    fill(&model, MIB, 7);
    let digest = Digest::of_file(&model).expect("it can be read");
    let model_ref = ModelRef::File { path: model };
    let mut rows = Vec::new();
    for (staging, work) in [
        (StagingMode::InPlace, "warm look-up in place"),
        (StagingMode::Managed, "warm look-up in the store"),
    ] {
        let catalog = FsCatalog::new(base.join(work)).expect("it opens");
        register_others(&catalog, SIZE).expect("they can be registered");
        let mut policy = Policy::default();
        policy.staging = staging;
        let provisioner = ModelProvisioner::new(catalog, FileFetcher)
            .with_policy(policy)
            .expect("the catalog is on disk");
        for _ in 0..30 {
            let found = provisioner.ensure_present(&model_ref, Some(digest.clone()));
            found.expect("it is here");
            std::thread::sleep(Duration::from_millis(100));
        }
        let time = each(9, |_| {
            for _ in 0..2_000 {
                let found = provisioner.ensure_present(&model_ref, None);
                found.expect("it is here");
            }
        });
        rows.push(row(work, time / 2_000.0));
    }
    rows
}

fn collect(base: &Path) -> Vec<(String, f64)> {
    let (used, unused) = (300, 60);
    let catalog = FsCatalog::new(base.join("catalog")).expect("it opens");
    let publish = |round: usize, count: usize| -> Vec<CatalogEntry> {
        let published = (0..count).map(|number| {
            let id = format!("model-{round}-{number}");
            let id = id.parse().expect("it is an id");
            let staging = catalog.artifacts().stage(&id, 0).expect("it can be staged");
            for name in ["config.json", "model.bin"] {
                let path = staging.folder().join(name);
                std::fs::write(path, format!("{id} {name}")).expect("it is writable");
            }
            let verified = staging.verify(&Expectation::default(), &mut |_| Ok(()));
            let artifact = verified.expect("it can be read").publish();
            artifact.expect("it can be published").entry()
        });
        published.collect()
    };
    let entries = publish(0, used);
    let all = catalog.update(|edit| entries.iter().try_for_each(|entry| edit.put(entry)));
    all.expect("they can be put");
    let mut times: Vec<f64> = (1..4)
        .map(|round| {
            drop(publish(round, unused));
            write_back();
            let begin = Instant::now();
            let plan = catalog.plan_collection(&CollectionPolicy::default());
            let done = catalog.collect(&plan.expect("it can be planned"));
            let took = begin.elapsed().as_secs_f64();
            assert_eq!(done.expect("they can be removed").removed.len(), unused);
            took
        })
        .collect();
    times.sort_by(f64::total_cmp);
    vec![row("collect 60 of 360 models", times[1])]
}

fn memory(base: &Path) -> Vec<(String, f64)> {
    let file = base.join("file.bin");
    fill(&file, 200 * MIB, 1);
    let store = base.join("store");
    let catalog = FsCatalog::new(&store).expect("it opens");
    let entries: Vec<CatalogEntry> = (0..100_000).map(entry).collect();
    let all = catalog.update(|edit| entries.iter().try_for_each(|entry| edit.put(entry)));
    all.expect("they can be put");
    drop(catalog);
    let root = base.join("root");
    let import = peak("import", child::command("import").arg(&file).arg(&root));
    let open = peak("open", child::command("open").arg("FsCatalog").arg(&store));
    vec![
        row("memory, 100,000 entries open", open),
        row("memory, importing 200 MiB", import),
    ]
}
