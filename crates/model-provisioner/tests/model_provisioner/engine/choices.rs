//! Requests for some of the files of a model, with a fetcher of a folder.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use catalog_core::VerificationOutcomeKind;
use catalog_core::{CatalogError, FilePatterns, FsCatalog, ModelFetcher, ModelRef, ResolvedModel};
use model_provisioner::{ModelProvisioner, Provided, ProvisionRequest};

/// Serves a folder as every repository.
struct Folder(PathBuf);

impl ModelFetcher for Folder {
    fn ensure_present(&self, mr: &ModelRef) -> Result<ResolvedModel, CatalogError> {
        Ok(ResolvedModel {
            id: mr.id()?,
            local_path: self.0.clone(),
        })
    }

    fn schemes(&self) -> Vec<&str> {
        vec!["hf"]
    }
}

struct Bench {
    folder: tempfile::TempDir,
    provisioner: ModelProvisioner<FsCatalog, Folder>,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("source");
        fs::create_dir(&source).unwrap();
        for name in ["a.json", "b.json", "m.bin"] {
            fs::write(source.join(name), name).unwrap();
        }
        let catalog = FsCatalog::new(folder.path().join("root")).unwrap();
        Self {
            provisioner: ModelProvisioner::new(catalog, Folder(source)),
            folder,
        }
    }
}

fn request(text: &str) -> ProvisionRequest {
    ProvisionRequest::new(ModelRef::parse(text).unwrap())
}

fn including(pattern: &str) -> ProvisionRequest {
    request("hf:org/repo").files(FilePatterns::default().include([pattern]))
}

fn names_in(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.collect()
}

/// PROV-440
#[test]
fn a_request_for_more_files_publishes_the_union_and_the_set_never_shrinks() {
    let bench = Bench::new();
    let provision = |request: &ProvisionRequest| bench.provisioner.provision(request).unwrap();
    let first = provision(&including("a.*"));
    assert_eq!(
        names_in(&first.resolved.local_path),
        BTreeSet::from(["a.json".to_owned()])
    );
    let again = provision(&including("a.*"));
    assert_eq!(again.provided, Provided::AlreadyPresent);
    let second = provision(&including("m.*"));
    assert_eq!(second.provided, Provided::Fetched);
    let union = names_in(&second.resolved.local_path);
    assert_eq!(
        union,
        BTreeSet::from(["a.json".to_owned(), "m.bin".to_owned()])
    );
    assert!(
        first.resolved.local_path.exists(),
        "the first artifact has a lease"
    );
    let catalog = bench.provisioner.catalog();
    let manifest = catalog.artifacts().manifest_at(&second.resolved.local_path);
    let manifest = manifest.unwrap().unwrap();
    assert_eq!((manifest.requested, manifest.patterns.len()), (union, 2));
    assert_eq!(second.file_names().unwrap(), ["a.json", "m.bin"]);
    let all = provision(&request("hf:org/repo"));
    assert_eq!(names_in(&all.resolved.local_path).len(), 3);
    let less = provision(&including("a.*"));
    assert_eq!(less.resolved, all.resolved);
    assert_eq!(less.provided, Provided::AlreadyPresent);
    // A process that starts later knows the choice from the index.
    let catalog = FsCatalog::new(bench.folder.path().join("root")).unwrap();
    let nowhere = ModelProvisioner::new(catalog, Folder("/nowhere".into()));
    let known = nowhere.provision(&including("b.*")).unwrap();
    assert_eq!(known.provided, Provided::AlreadyPresent);
}

/// PROV-441
#[test]
fn a_pin_covers_the_files_that_it_was_given_for() {
    let bench = Bench::new();
    let provision = |request: &ProvisionRequest| bench.provisioner.provision(request);
    let digest =
        |request: ProvisionRequest| Bench::new().provisioner.provision(&request).unwrap().digest;
    let of_some = digest(including("a.*"));
    provision(&including("a.*").expecting(of_some.clone())).unwrap();
    let error = provision(&request("hf:org/repo")).unwrap_err();
    assert_eq!(error.code(), "pin_covers_fewer_files", "{error}");
    assert!(error.to_string().contains("a.*"), "{error}");
    let wrong = provision(&request("hf:org/repo").expecting(of_some.clone())).unwrap_err();
    assert_eq!(wrong.code(), "digest_mismatch", "{wrong}");
    let of_all = digest(request("hf:org/repo"));
    let all = provision(&request("hf:org/repo").expecting(of_all.clone())).unwrap();
    assert_eq!(all.digest, of_all);
    // The digest of some files stays right for a request for them.
    let some = provision(&including("a.*").expecting(of_some)).unwrap();
    assert_eq!(some.resolved, all.resolved);
    assert_eq!(some.outcome.kind, VerificationOutcomeKind::Pass);
    let other = digest(including("b.*"));
    let error = provision(&including("a.*").expecting(other)).unwrap_err();
    assert_eq!(error.code(), "digest_mismatch", "{error}");
}

/// PROV-441
#[test]
fn a_pin_covers_its_files_also_if_the_manifest_is_damaged() {
    let bench = Bench::new();
    let digest = Bench::new()
        .provisioner
        .provision(&including("a.*"))
        .unwrap()
        .digest;
    let pinned = bench
        .provisioner
        .provision(&including("a.*").expecting(digest))
        .unwrap();
    let manifest = pinned.resolved.local_path.with_file_name("manifest.json");
    drop(pinned);
    fs::remove_file(&manifest).unwrap();
    fs::write(&manifest, b"damage").unwrap();
    let error = bench
        .provisioner
        .provision(&request("hf:org/repo"))
        .unwrap_err();
    assert_eq!(error.code(), "pin_covers_fewer_files", "{error}");
}

/// PROV-442
#[test]
fn patterns_are_refused_for_a_reference_that_is_provided_as_a_whole() {
    let bench = Bench::new();
    for text in [
        "https://example.org/m.gguf",
        "/nowhere/m.gguf",
        "s3://bucket/m",
    ] {
        let request = request(text).without_companions();
        let error = bench.provisioner.provision(&request).unwrap_err();
        assert_eq!(error.code(), "patterns_unusable", "{text}: {error}");
    }
    let none = bench.provisioner.provision(&including("*.gguf"));
    assert!(none.is_err(), "no file was chosen");
}
