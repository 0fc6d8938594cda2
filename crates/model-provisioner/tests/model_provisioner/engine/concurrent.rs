use std::sync::Mutex;

use catalog_core::{
    CatalogEntry, CatalogStore, Expected, FileFetcher, FsCatalog, LifecycleState, MemoryCatalog,
    Result,
};
use model_provisioner::{Event, EventKind, ModelProvisioner};

use crate::util::{Host, id_of, reference, sha256};

/// Does something just before the first conditional write, as another process could.
struct Interrupted<'c, F: Fn() + Send> {
    catalog: &'c MemoryCatalog,
    before_first_write: Mutex<Option<F>>,
}

impl<F: Fn() + Send> CatalogStore for Interrupted<'_, F> {
    fn get(&self, id: &str) -> Result<Option<CatalogEntry>> {
        self.catalog.get(id)
    }
    fn put(&self, entry: &CatalogEntry) -> Result<()> {
        self.catalog.put(entry)
    }
    fn set_state(&self, id: &str, state: LifecycleState) -> Result<()> {
        self.catalog.set_state(id, state)
    }
    fn list(&self) -> Result<Vec<CatalogEntry>> {
        self.catalog.list()
    }
    fn delete(&self, id: &str) -> Result<bool> {
        self.catalog.delete(id)
    }
    fn put_if(&self, entry: &CatalogEntry, expected: Expected<'_, CatalogEntry>) -> Result<()> {
        if let Some(interrupt) = self.before_first_write.lock().unwrap().take() {
            interrupt();
        }
        self.catalog.put_if(entry, expected)
    }
}

/// PROV-130
#[test]
fn a_digest_that_somebody_pins_meanwhile_is_not_lost() {
    let host = Host::new();
    let path = host.model("m.gguf", "weights");
    let id = id_of(&path);
    for digit in [None, Some("0")] {
        let catalog = MemoryCatalog::new(host.cache()).unwrap();
        let pinned = match digit {
            None => sha256(&path),
            Some(digit) => catalog_core::Digest {
                algo: "sha256".to_owned(),
                value: digit.repeat(64),
            },
        };
        let theirs = CatalogEntry {
            id: id.clone(),
            local_path: path.clone(),
            lifecycle: LifecycleState::Active,
            digest: Some(pinned.clone()),
            last_verified_ms: None,
        };
        let interrupted = Interrupted {
            catalog: &catalog,
            before_first_write: Mutex::new(Some(|| catalog.put(&theirs).unwrap())),
        };
        let provisioner = ModelProvisioner::new(interrupted, FileFetcher);
        let outcome = provisioner.ensure_present(&reference(&path), None);
        match digit {
            None => assert_eq!(outcome.unwrap().local_path, path),
            Some(_) => assert_eq!(outcome.unwrap_err().code(), "digest_mismatch"),
        }
        assert_eq!(catalog.get(&id).unwrap().unwrap().digest, Some(pinned));
    }
}

/// PROV-131
#[test]
fn many_callers_of_one_model_all_get_it() {
    let host = Host::new();
    let path = host.model("m.gguf", "weights");
    let digest = sha256(&path);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let resolved = ModelProvisioner::file_only(host.cache())
                    .unwrap()
                    .ensure_present(&reference(&path), Some(digest.clone()))
                    .unwrap();
                assert_eq!(resolved.local_path, path);
            });
        }
    });
    assert_eq!(host.entry(&id_of(&path)).unwrap().digest, Some(digest));
}

/// Does something while the bytes are hashed, as another process could.
fn while_verifying(
    host: &Host,
    path: &std::path::Path,
    given: Option<catalog_core::Digest>,
    work: impl Fn(&FsCatalog) + Send + Sync + 'static,
) -> Result<catalog_core::ResolvedModel, model_provisioner::ProvisionError> {
    let catalog = FsCatalog::new(host.cache()).unwrap();
    let is_done = std::sync::atomic::AtomicBool::new(false);
    let observer = move |event: &Event| {
        if matches!(event.kind, EventKind::Verifying(_))
            && !is_done.swap(true, std::sync::atomic::Ordering::SeqCst)
        {
            work(&catalog);
        }
    };
    ModelProvisioner::file_only(host.cache())
        .unwrap()
        .with_observer(observer)
        .ensure_present(&reference(path), given)
}

/// PROV-130
#[test]
fn a_call_that_would_write_nothing_looks_again_first() {
    let host = Host::new();
    let path = host.model("m.gguf", "weights");
    host.provisioner
        .ensure_present(&reference(&path), Some(sha256(&path)))
        .unwrap();
    let id = id_of(&path);
    let known = host.entry(&id).unwrap();

    let deleted = while_verifying(&host, &path, known.digest.clone(), {
        let id = id.clone();
        move |catalog| assert!(catalog.delete(&id).unwrap())
    });
    assert!(deleted.is_ok());
    let anew = host.entry(&id).unwrap();
    assert_eq!(anew.digest, known.digest, "registered anew");

    let pinned = CatalogEntry {
        digest: Some(catalog_core::Digest {
            algo: "sha256".to_owned(),
            value: "0".repeat(64),
        }),
        ..known
    };
    let pin = move |catalog: &FsCatalog| catalog.put(&pinned).unwrap();
    let outcome = while_verifying(&host, &path, None, pin);
    assert_eq!(outcome.unwrap_err().code(), "digest_mismatch");
}
