//! A call that died between publishing and registering.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use catalog_core::managed::ModelLockAttempt;
use catalog_core::{
    Basis, CatalogStore, Digest, Expectation, Expected, FsCatalog, ImportRequest, Method, ModelId,
};
use model_provisioner::{ModelProvisioner, Policy, Provided};

use super::source::{Fetcher, MODEL, Source, ask, request, stage};
use crate::util::{Host, id_of, managed, reference};

/// Publishes an artifact as a call does that dies before it registers the artifact.
fn publish_and_die(catalog: &FsCatalog, bytes: &[u8]) -> PathBuf {
    let id: ModelId = MODEL.parse().unwrap();
    let ModelLockAttempt::Begun(mut lock) = catalog.try_lock_model(&id).unwrap() else {
        panic!("nobody else has it")
    };
    let mut staging = catalog.artifacts().stage(&id, 0).unwrap();
    stage(&mut staging, bytes).unwrap();
    let mut verified = staging
        .verify(&Expectation::default(), &mut |_| Ok(()))
        .unwrap();
    verified.set_basis(Basis::SourceHash);
    lock.announce(&verified.key()).unwrap();
    verified.publish().unwrap().path().to_path_buf()
}

/// PROV-168
#[test]
fn what_an_interrupted_call_published_is_registered_and_not_fetched_again() {
    let host = Host::new();
    let catalog = host.provisioner.catalog();
    publish_and_die(catalog, b"weights");
    let source = Arc::new(Source::default());
    let report = ask(catalog, &source, &request()).unwrap();
    assert_eq!(source.calls(), 0);
    assert_eq!(report.provided, Provided::AlreadyPresent);
    assert_eq!(
        report.assurance.method,
        Some(Method::Hashed),
        "as it may have rotted"
    );
    assert!(report.is_catalog_changed);
    assert_eq!(report.assurance.basis, Basis::SourceHash);
    assert_eq!(fs::read(&report.resolved.local_path).unwrap(), b"weights");
    let entry = host.entry(MODEL).unwrap();
    assert_eq!(
        Some(entry.local_path),
        Some(report.resolved.local_path.clone())
    );
    drop(report);

    // Once it is registered, a deletion is final.
    assert!(catalog.delete(MODEL).unwrap());
    ask(catalog, &source, &request()).unwrap();
    assert_eq!(source.calls(), 1);
}

/// PROV-168
#[test]
fn what_was_published_and_rotted_or_imported_long_ago_is_brought_again() {
    let host = Host::new();
    let catalog = host.provisioner.catalog();
    let path = publish_and_die(catalog, b"weights");
    fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
    fs::write(&path, "ROTTEN!").unwrap();
    let mut offline = Policy::default();
    offline.offline = true;
    let source = Arc::new(Source::default());
    let refused = ModelProvisioner::new(catalog.clone(), Fetcher(Arc::clone(&source)))
        .with_policy(offline)
        .unwrap()
        .provision(&request());
    assert_eq!(refused.unwrap_err().code(), "policy_refused");
    assert_eq!(
        host.entry(MODEL),
        None,
        "a failed call leaves the catalog as it was"
    );
    let report = ask(catalog, &source, &request()).unwrap();
    assert_eq!((report.provided, source.calls()), (Provided::Fetched, 1));

    let model = host.model("m.bin", "weights");
    let id: ModelId = id_of(&model).parse().unwrap();
    let ModelLockAttempt::Begun(mut lock) = catalog.try_lock_model(&id).unwrap() else {
        panic!("nobody else has it")
    };
    let import = ImportRequest::new(&id, &model);
    let staged = catalog.artifacts().stage_import(&import, &mut |_| Ok(()));
    let staged = staged.unwrap();
    lock.announce(&staged.key()).unwrap();
    drop((staged.publish().unwrap(), lock));
    fs::write(&model, "the model of today").unwrap();
    let provisioner = host.with(managed());
    let found = provisioner
        .ensure_present(&reference(&model), None)
        .unwrap();
    let bytes = fs::read_to_string(found.local_path).unwrap();
    assert_eq!(bytes, "the model of today");
}

/// PROV-168
#[test]
fn what_was_published_is_fetched_again_if_digest_revision_or_policy_do_not_agree() {
    let wrong = Digest {
        algo: "sha256".to_owned(),
        value: "0".repeat(64),
    };
    let host = Host::new();
    let catalog = host.provisioner.catalog();
    publish_and_die(catalog, b"other bytes");
    let source = Arc::new(Source::default());
    let error = ask(catalog, &source, &request().expecting(wrong)).unwrap_err();
    assert_eq!((error.code(), source.calls()), ("digest_mismatch", 1));
    let bytes = Digest::of_file(&host.model("same", "weights")).unwrap();
    let report = ask(catalog, &source, &request().expecting(bytes)).unwrap();
    assert_eq!((report.provided, source.calls()), (Provided::Fetched, 2));
    drop(report);

    // Another id is in the manifest that a changed lock file names.
    assert!(catalog.delete(MODEL).unwrap());
    let id: ModelId = "hf:org/another".parse().unwrap();
    let mut staging = catalog.artifacts().stage(&id, 0).unwrap();
    stage(&mut staging, b"strange").unwrap();
    let verified = staging.verify(&Expectation::default(), &mut |_| Ok(()));
    let artifact = verified.unwrap().publish().unwrap();
    catalog.register(&artifact, Expected::Absent).unwrap();
    let key = artifact.path().ancestors().nth(2).unwrap().file_name();
    let ModelLockAttempt::Begun(mut lock) =
        catalog.try_lock_model(&MODEL.parse().unwrap()).unwrap()
    else {
        panic!("nobody else has it")
    };
    lock.announce(key.unwrap().to_str().unwrap()).unwrap();
    drop(lock);
    let report = ask(catalog, &source, &request()).unwrap();
    assert_eq!((report.provided, source.calls()), (Provided::Fetched, 3));
}
