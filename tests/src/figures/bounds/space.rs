//! Budgets and collections on a file system that clones files.

use std::fs;

use catalog_core::maintenance::{CollectionPolicy, Evict};
use catalog_core::{CatalogStore, FsCatalog, Import, ImportRequest, StoreOptions};

use crate::figure::Measured;
use crate::mounts::{Mount, free_bytes};

const MODELS: usize = 10;
const SIZE: usize = 8 << 20;

pub(super) fn measure(measured: &mut Measured) -> Result<(), String> {
    let mount = match Mount::in_image("mkfs.xfs", &["-q"]) {
        Ok(mount) => mount,
        Err(reason) => {
            measured.count(&format!("budgets on XFS ({reason})"), "skipped");
            return Ok(());
        }
    };
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let root = mount.path().join("root");
    let full = (MODELS * SIZE) as u64;
    let options = StoreOptions::default().budget(full + (1 << 20));
    let catalog = FsCatalog::open(&root, options).map_err(|error| text(&error))?;
    for number in 0..=MODELS {
        let source = mount.path().join(format!("{number}.bin"));
        fs::write(&source, vec![number as u8 + 1; SIZE]).map_err(|error| text(&error))?;
        let id = format!("model-{number}");
        let id = id.parse().map_err(|error| text(&error))?;
        let mut request = ImportRequest::new(&id, &source);
        request.how = Import::Reflink;
        let answer = catalog.import(&request, &mut |_| Ok(()));
        let code = answer.map_or_else(|error| error.code(), |_| "ok");
        let expected = if number < MODELS { "ok" } else { "no_space" };
        measured.check(code == expected, || {
            format!("clone {number} into a budget of {MODELS}: {code}")
        });
    }
    let mut kept = MODELS;
    let budget = CollectionPolicy::default()
        .budget(full - (3 << 20))
        .evict(Evict::Any);
    let free = free_bytes(&root)?;
    let min_free = CollectionPolicy::default()
        .min_free(free + (3 << 20))
        .evict(Evict::Any);
    for policy in [budget, min_free] {
        let plan = catalog.plan_collection(&policy);
        let done = plan.and_then(|plan| catalog.collect(&plan));
        done.map_err(|error| text(&error))?;
        kept -= 1;
        let now = catalog.list().map_err(|error| text(&error))?.len();
        measured.check(now == kept, || {
            format!("{now} of {kept} clones are left after a collection for 3 MiB")
        });
    }
    measured.count("clones admitted into a budget", MODELS);
    measured.count("clones left by collections for 3 MiB", kept);
    Ok(())
}
