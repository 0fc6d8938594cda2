//! File digests that are given for sets of shards.

use std::fs;

use catalog_core::maintenance::Verify;
use catalog_core::{
    CatalogEntry, CatalogError, CatalogStore, Digest, DigestAlgorithm, DigestError, FsCatalog,
    ImportRequest, VerificationOutcomeKind as Kind,
};

use super::local_model::{set, tree_of, with_digest};
use crate::util::model_id;

/// CAT-1035
#[test]
fn a_file_digest_newly_given_for_a_set_is_an_error_with_its_tree_digest() {
    let folder = tempfile::tempdir().unwrap();
    let shards = set(folder.path());
    let catalog = FsCatalog::new(folder.path().join("root")).unwrap();
    let tree = tree_of(&shards);
    let file = Digest::of_file(&shards[0]).unwrap();
    let sha512 = Digest::compute(&shards[0], DigestAlgorithm::Sha512, &mut |_| {}).unwrap();
    let is_refused = |error: CatalogError, given: &Digest| match &error {
        CatalogError::InvalidDigest(DigestError::OfOneShard {
            given: found,
            tree: proves,
            ..
        }) => {
            assert_eq!((found, proves), (&given.to_string(), &tree.to_string()));
            assert!(error.to_string().contains(&tree.to_string()), "{error}");
        }
        other => panic!("{other}"),
    };
    for given in [&file, &sha512] {
        let candidate = with_digest(&shards[0], given.clone());
        let verified = catalog.verify_candidate(&candidate, &mut |_| Ok(()));
        is_refused(verified.unwrap_err(), given);
        let wanted = model_id("imported");
        let mut request = ImportRequest::new(&wanted, &shards[1]);
        request.expected.digest = Some(given.clone());
        is_refused(
            catalog.import(&request, &mut |_| Ok(())).unwrap_err(),
            given,
        );
    }
    // Of a managed set, too, and if another digest is pinned.
    let wanted = model_id("managed");
    let mut request = ImportRequest::new(&wanted, &shards[1]);
    request.expected.digest = Some(tree.clone());
    let managed = catalog.import(&request, &mut |_| Ok(())).unwrap();
    catalog.put(&with_digest(&shards[0], tree.clone())).unwrap();
    for known in [managed, with_digest(&shards[0], tree.clone())] {
        let candidate = CatalogEntry {
            digest: Some(file.clone()),
            ..known
        };
        let verified = catalog.verify_candidate(&candidate, &mut |_| Ok(()));
        is_refused(verified.unwrap_err(), &file);
    }
}

/// CAT-1036
#[test]
fn a_pinned_digest_of_one_shard_warns_with_the_tree_digest_or_fails() {
    let folder = tempfile::tempdir().unwrap();
    let shards = set(folder.path());
    let catalog = FsCatalog::new(folder.path().join("root")).unwrap();
    let tree = tree_of(&shards).to_string();
    for algorithm in [DigestAlgorithm::Sha256, DigestAlgorithm::Sha512] {
        let digest = Digest::compute(&shards[1], algorithm, &mut |_| {}).unwrap();
        let pinned = with_digest(&shards[1], digest.clone());
        catalog.put(&pinned).unwrap();
        let outcomes = || {
            [
                catalog.verify("set", Verify::Quick, &mut |_| Ok(())),
                catalog.verify("set", Verify::Full, &mut |_| Ok(())),
                catalog.verify_candidate(&pinned, &mut |_| Ok(())),
            ]
            .map(|found| found.unwrap().outcome)
        };
        for outcome in outcomes() {
            assert_eq!(outcome.kind, Kind::Warn);
            let reason = outcome.reason.unwrap();
            assert!(reason.contains(&tree), "{reason}");
        }
        assert_eq!(catalog.get("set").unwrap().unwrap().digest, Some(digest));

        let good = fs::read(&shards[1]).unwrap();
        let mut bad = good.clone();
        *bad.last_mut().unwrap() ^= 1;
        fs::write(&shards[1], bad).unwrap();
        for outcome in outcomes() {
            assert_eq!(outcome.kind, Kind::Fail, "{outcome:?}");
        }
        fs::write(&shards[1], good).unwrap();
    }
    fs::remove_file(&shards[2]).unwrap();
    let error = catalog.verify("set", Verify::Quick, &mut |_| Ok(()));
    assert_eq!(error.unwrap_err().code(), "artifact_incomplete");
}

/// CAT-1036
#[test]
fn a_pinned_digest_of_one_shard_of_a_managed_set_warns_with_the_tree_digest_or_fails() {
    let folder = tempfile::tempdir().unwrap();
    let shards = set(folder.path());
    let catalog = FsCatalog::new(folder.path().join("root")).unwrap();
    let id = "set".parse().unwrap();
    let request = ImportRequest::new(&id, &shards[0]);
    let managed = catalog.import(&request, &mut |_| Ok(())).unwrap();
    let tree = tree_of(&shards).to_string();
    let second = managed
        .local_path
        .with_file_name(shards[1].file_name().unwrap());
    for algorithm in [DigestAlgorithm::Sha256, DigestAlgorithm::Sha512] {
        let digest = Digest::compute(&shards[0], algorithm, &mut |_| {}).unwrap();
        let pinned = with_digest(&managed.local_path, digest);
        catalog.put(&pinned).unwrap();
        let verify = || catalog.verify("set", Verify::Full, &mut |_| Ok(()));
        let outcome = verify().unwrap().outcome;
        assert_eq!(outcome.kind, Kind::Warn, "{outcome:?}");
        assert!(outcome.reason.unwrap().contains(&tree));

        let other = Digest::compute(&shards[1], algorithm, &mut |_| {}).unwrap();
        catalog
            .put(&with_digest(&managed.local_path, other))
            .unwrap();
        assert_eq!(verify().unwrap().outcome.kind, Kind::Fail);
        catalog.put(&pinned).unwrap();
    }
    fs::remove_file(&second).unwrap();
    let outcome = catalog.verify("set", Verify::Full, &mut |_| Ok(()));
    assert_eq!(
        outcome.unwrap().outcome.kind,
        Kind::Fail,
        "the set is incomplete"
    );
}
