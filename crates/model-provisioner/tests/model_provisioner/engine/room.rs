//! Fetchers that write more than there is room for.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use catalog_core::maintenance::Verify;
use catalog_core::{
    CatalogError, CatalogStore, Expectation, FetchTask, Fetched, FsCatalog, ModelFetcher, ModelRef,
    Progress, ResolvedModel, Result, Staging, StoreOptions,
};
use model_provisioner::ModelProvisioner;

use crate::fetchers::fake_hf::FakeHub;

const MODEL: &str = "hf:org/repo";

fn with_budget(root: &std::path::Path) -> FsCatalog {
    let options = StoreOptions::default().budget(8 << 20);
    FsCatalog::open(root, options).unwrap()
}

/// A fetcher of a third party, which writes files by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Greedy {
    /// Writes on until the limits of its task stop it.
    Endless,
    /// Has written all before anybody measures it.
    Sudden,
}

impl ModelFetcher for Greedy {
    fn ensure_present(&self, _: &ModelRef) -> Result<ResolvedModel> {
        panic!("it stages")
    }

    fn schemes(&self) -> Vec<&str> {
        vec!["hf"]
    }

    fn stage(
        &self,
        task: &FetchTask<'_>,
        staging: &mut Staging,
        _: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<Fetched> {
        let mut file = fs::File::create(staging.folder().join("greedy.bin")).unwrap();
        if *self == Self::Sudden {
            file.write_all(&vec![1; 9 << 20]).unwrap();
            return Ok(Fetched::new(Expectation::default()));
        }
        while task.limits.check("fetching").is_ok() {
            file.write_all(&[1; 100_000]).unwrap();
            std::thread::yield_now();
        }
        Err(CatalogError::Cancelled)
    }
}

fn is_refused(root: &std::path::Path, catalog: &FsCatalog, fetcher: impl ModelFetcher) {
    let provisioner = ModelProvisioner::new(catalog.clone(), fetcher);
    let error = provisioner.ensure_present_str(MODEL, None).unwrap_err();
    assert_eq!(error.code(), "no_space", "{error}");
    assert!(error.is_retryable());
    assert_eq!(catalog.list().unwrap(), []);
    let left = fs::read_dir(root.join("staging")).unwrap().count();
    assert_eq!(left, 0, "nothing is left behind");
}

/// PROV-436
#[test]
fn a_fetcher_that_outgrows_the_budget_is_cancelled_and_its_bytes_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let catalog = with_budget(root.path());
    is_refused(root.path(), &catalog, Greedy::Endless);
    is_refused(root.path(), &catalog, Greedy::Sudden);
}

/// PROV-436
#[test]
fn a_command_that_outgrows_the_budget_is_killed() {
    let root = tempfile::tempdir().unwrap();
    let hub = FakeHub::new(&root.path().join("hub"));
    hub.put("model.bin", "weights");
    hub.write_command(
        "0.36.0",
        "while :; do head -c 1000000 /dev/zero >> \"$dir/endless.bin\"; done",
    );
    let catalog = with_budget(&root.path().join("root"));
    let fetcher = hub.fetcher(catalog.artifacts());
    is_refused(&root.path().join("root"), &catalog, fetcher);
}

/// PROV-436
#[test]
fn a_fetcher_that_outgrows_the_budget_during_a_repair_is_cancelled() {
    let root = tempfile::tempdir().unwrap();
    let hub = FakeHub::new(&root.path().join("hub"));
    hub.put("model.bin", "weights");
    let catalog = with_budget(&root.path().join("root"));
    let fetcher = hub.fetcher(catalog.artifacts());
    let provisioner = ModelProvisioner::new(catalog.clone(), fetcher);
    let found = provisioner.ensure_present_str(MODEL, None).unwrap();
    let bad = found.local_path.join("model.bin");
    fs::set_permissions(&bad, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(&bad, "rotten!").unwrap();
    let verified = catalog.verify(MODEL, Verify::Full, &mut |_| Ok(()));
    assert_eq!(verified.unwrap().quarantined.len(), 1);

    let provisioner = ModelProvisioner::new(catalog.clone(), Greedy::Endless);
    let error = provisioner.ensure_present_str(MODEL, None).unwrap_err();
    assert_eq!(error.code(), "no_space", "{error}");
    let staging = root.path().join("root/staging");
    assert_eq!(fs::read_dir(staging).unwrap().count(), 0);
    assert!(catalog.get(MODEL).unwrap().is_some());
}
