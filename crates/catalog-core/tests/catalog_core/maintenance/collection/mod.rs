//! Collections: the removed files, and the files that are spared.

mod leftovers;
mod removals;
mod spared;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use catalog_core::maintenance::{Collected, CollectionPlan, CollectionPolicy, Removable};
use catalog_core::{CatalogEntry, CatalogStore, FsCatalog, Import};

use crate::util::{model_id, replacing, state_of};

pub(super) fn import(catalog: &FsCatalog, id: &str, content: &[u8]) -> CatalogEntry {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("m.bin");
    fs::write(&source, content).unwrap();
    let model = model_id(id);
    let mut request = replacing(catalog, &model, &source);
    request.how = Import::Copy;
    catalog.import(&request, &mut |_| Ok(())).unwrap()
}

pub(super) fn collect(
    catalog: &FsCatalog,
    policy: CollectionPolicy,
) -> (CollectionPlan, Collected) {
    let plan = catalog.plan_collection(&policy).unwrap();
    let done = catalog.collect(&plan).unwrap();
    (plan, done)
}

/// The manifest of a managed model; its time is that of the last use.
pub(super) fn manifest_of(catalog: &FsCatalog, id: &str) -> PathBuf {
    let path = catalog.get(id).unwrap().unwrap().local_path;
    path.parent().unwrap().with_file_name("manifest.json")
}

/// Makes the last use of a managed model lie so long ago.
pub(super) fn was_used(catalog: &FsCatalog, id: &str, ago: Duration) {
    let manifest = fs::File::open(manifest_of(catalog, id)).unwrap();
    manifest.set_modified(SystemTime::now() - ago).unwrap();
}

pub(super) fn ids(plan: &CollectionPlan) -> Vec<String> {
    let removals = plan.removals.iter();
    removals
        .filter_map(|removal| match &removal.what {
            Removable::Model(id) => Some(id.clone()),
            _ => None,
        })
        .collect()
}

pub(super) fn space(path: &Path) -> u64 {
    let mut files = state_of(path);
    files.dedup_by_key(|(_, identity)| identity.0);
    files
        .iter()
        .map(|(path, _)| fs::metadata(path).unwrap().blocks() * 512)
        .sum()
}
