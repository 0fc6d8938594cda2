//! Removing one of ten models that nobody uses any more.

use std::fs;
use std::path::Path;

use catalog_core::maintenance::CollectionPolicy;
use catalog_core::{Expectation, FsCatalog};

use crate::files::{command, run};
use crate::measure::{Contender, FEW_ROUNDS, alternate};
use crate::measured::Row;
use crate::table::Table;
use crate::tools::HUB;
use crate::unit::thousands;

/// Measures the row; `scale` divides the numbers.
pub fn measure(scale: usize, table: &mut Table) {
    let (all, unused) = (10_000 / scale, 1_000 / scale);
    let used = all - unused;
    let folder = tempfile::tempdir_in(".").expect("a folder can be made here");
    let catalog = FsCatalog::new(folder.path().join("catalog")).expect("it opens");
    let (plain, cache) = (folder.path().join("plain"), folder.path().join("hub"));
    let publish = |round: usize, numbers: std::ops::Range<usize>| -> Vec<_> {
        numbers
            .map(|number| published(&catalog, &format!("model-{round}-{number}")))
            .collect()
    };
    let entries = publish(FEW_ROUNDS, 0..used);
    let registered = catalog.update(|edit| entries.iter().try_for_each(|entry| edit.put(entry)));
    registered.expect("they can be registered");
    let mut contenders = vec![
        Contender::new("plan and collect", 1, |_| {
            let plan = catalog.plan_collection(&CollectionPolicy::default());
            let done = catalog.collect(&plan.expect("it can be planned"));
            let removed = done.expect("they can be removed").removed;
            assert_eq!(removed.len(), unused);
        })
        .prepared(|round| drop(publish(round, 0..unused)))
        .ours(),
    ];

    (0..used).for_each(|number| two_files(&plain.join(format!("used-{number}"))));
    contenders.push(
        Contender::new("find -delete", 1, |_| {
            run(command("find")
                .arg(&plain)
                .args(["-path", "*/unused-*", "-delete"]));
        })
        .prepared(|_| {
            (0..unused).for_each(|number| two_files(&plain.join(format!("unused-{number}"))));
        }),
    );

    match HUB.program("hf") {
        Ok(hf) => {
            let cache = &cache;
            for number in 0..used {
                hub_model(&cache.join(format!("models--org--used-{number}")), number);
            }
            contenders.push(
                Contender::new("hf cache prune", 1, move |_| {
                    run(command(&hf)
                        .args(["cache", "prune", "--yes", "--cache-dir"])
                        .arg(cache));
                })
                .prepared(move |_| {
                    for number in 0..unused {
                        let model = cache.join(format!("models--org--unused-{number}"));
                        hub_model(&model, used + number);
                        // A revision that nothing refers to is what it removes.
                        fs::remove_file(model.join("refs/main")).expect("it is there");
                    }
                }),
            );
        }
        Err(why) => table.skip("hf cache prune", &why),
    }
    let work = format!(
        "remove {} of {} models of two files",
        thousands(unused),
        thousands(all)
    );
    table.add(Row::of_time(
        "collect",
        work,
        alternate(FEW_ROUNDS, contenders),
    ));
}

fn published(catalog: &FsCatalog, id: &str) -> catalog_core::CatalogEntry {
    let id = id.parse().expect("it is an id");
    let staging = catalog.artifacts().stage(&id, 0).expect("it can be staged");
    fs::write(
        staging.folder().join("config.json"),
        format!("{id}, config"),
    )
    .expect("it is writable");
    fs::write(staging.folder().join("model.bin"), format!("{id}, weights"))
        .expect("it is writable");
    let verified = staging.verify(&Expectation::default(), &mut |_| Ok(()));
    let artifact = verified.expect("it can be read").publish();
    artifact.expect("it can be published").entry()
}

fn two_files(folder: &Path) {
    fs::create_dir_all(folder).expect("it can be made");
    for name in ["config.json", "model.bin"] {
        fs::write(folder.join(name), name).expect("it can be written");
    }
}

/// A model of two files as the hub's libraries lay it out, at a commit of its own: the command takes
/// models of one commit for one another.
fn hub_model(folder: &Path, number: usize) {
    let commit = format!("{number:040x}");
    let snapshot = folder.join("snapshots").join(&commit);
    for folder in [&folder.join("refs"), &folder.join("blobs"), &snapshot] {
        fs::create_dir_all(folder).expect("it can be made");
    }
    fs::write(folder.join("refs/main"), commit).expect("it can be written");
    for name in ["config.json", "model.bin"] {
        fs::write(folder.join("blobs").join(name), name).expect("it can be written");
        let blob = Path::new("../../blobs").join(name);
        std::os::unix::fs::symlink(blob, snapshot.join(name)).expect("it can be linked");
    }
}
