use catalog_core::{
    CatalogStore, Digest, FileFetcher, FsCatalog, MemoryCatalog, ModelRef, ResolvedModel,
};
use model_provisioner::{ModelProvisioner, ProvisionError};

use crate::util::{Host, ToyFetcher, id_of, reference, sha256};

/// ORCH-3700
#[test]
fn any_catalog_and_fetcher_can_be_composed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.gguf");
    let catalog = MemoryCatalog::new(folder.path().join("root")).unwrap();
    let provisioner = ModelProvisioner::new(catalog, ToyFetcher::new(path.clone(), "weights"));
    // The two calls, as callers were promised them.
    let by_text = |text: &str, digest: Option<Digest>| -> Result<ResolvedModel, ProvisionError> {
        provisioner.ensure_present_str(text, digest)
    };
    let by_reference =
        |mr: &ModelRef, digest: Option<Digest>| -> Result<ResolvedModel, ProvisionError> {
            provisioner.ensure_present(mr, digest)
        };
    let first = by_text("hf:org/repo/m.gguf", None).unwrap();
    let mr = ModelRef::parse("hf:org/repo/m.gguf").unwrap();
    let again = by_reference(&mr, Some(sha256(&path))).unwrap();
    assert_eq!((first.local_path.clone(), first), (path, again));
}

/// ORCH-3701
#[test]
fn file_only_never_asks_another_host() {
    let folder = tempfile::tempdir().unwrap();
    let made = ModelProvisioner::file_only(folder.path().join("root")).unwrap();
    let made: ModelProvisioner<FsCatalog, FileFetcher> = made;
    for text in [
        "hf:org/repo",
        "http://127.0.0.1:9/m.gguf",
        "s3://bucket/m.gguf",
        "oci://127.0.0.1:9/m:1",
    ] {
        let error = made.ensure_present_str(text, None).unwrap_err();
        assert_eq!(error.code(), "no_fetcher", "{text}");
    }
    assert_eq!(made.catalog().list().unwrap(), []);
}

/// ORCH-3704
#[test]
fn an_id_is_stable_whatever_the_spelling() {
    let host = Host::new();
    let path = host.model("folder/m.gguf", "weights");
    let spelled = path.parent().unwrap().join("../folder/./m.gguf");
    for spelling in [&path, &spelled] {
        let found = host.provisioner.ensure_present(&reference(spelling), None);
        assert_eq!(found.unwrap().id, id_of(&path));
    }
    assert_eq!(host.provisioner.catalog().list().unwrap().len(), 1);

    let catalog = MemoryCatalog::new(host.cache()).unwrap();
    let hub = ModelProvisioner::new(catalog, ToyFetcher::new(path, "weights"));
    for text in [
        "hf:org/repo/m.gguf",
        "hf://org/repo/m.gguf",
        "HF:org/repo/m.gguf",
    ] {
        let found = hub.ensure_present_str(text, None).unwrap();
        assert_eq!(found.id, "hf:org/repo/m.gguf", "{text}");
    }
}
