use std::fs;
use std::path::Path;

use catalog_core::maintenance::Verify;
use catalog_core::{
    Basis, Digest, EngineEntry, EngineStore, FsEngineStore, Method, VerificationOutcomeKind as Kind,
};

/// An engine with these artifacts.
fn engine(artifacts: &[&Path], digest: Option<String>) -> EngineEntry {
    EngineEntry {
        id: "e".to_owned(),
        engine: "llama.cpp".to_owned(),
        version: "b4000".to_owned(),
        build_ref: None,
        digest,
        build_flags: None,
        artifacts: artifacts.iter().map(|path| path.to_path_buf()).collect(),
        created_ms: 0,
    }
}

fn verify(engines: &FsEngineStore, how: Verify) -> catalog_core::maintenance::Verification {
    engines.verify("e", how, &mut |_| Ok(())).unwrap()
}

/// ENG-120
#[test]
fn the_digest_of_an_engine_with_one_local_artifact_is_verified() {
    let folder = tempfile::tempdir().unwrap();
    let engines = FsEngineStore::new(folder.path().join("root")).unwrap();
    let binary = engines.root().join("engines/llama-server");
    fs::create_dir_all(binary.parent().unwrap()).unwrap();
    fs::write(&binary, "program").unwrap();
    let image = Path::new("ghcr.io/ggml-org/llama.cpp:server");
    let digest = Digest::of_file(&binary).unwrap().to_string();
    engines
        .put(&engine(&[&binary, image], Some(digest.clone())))
        .unwrap();
    let found = verify(&engines, Verify::Quick);
    assert_eq!(
        (found.outcome.kind, found.hashed, found.assurance.basis),
        (Kind::Pass, 7, Basis::Pin)
    );
    let recorded = engines.snapshot().unwrap().verification("e").unwrap();
    assert_eq!(recorded.outcome, found.outcome);
    assert_eq!(recorded.assurance.at_ms, found.assurance.at_ms);

    fs::write(&binary, "PROGRAM").unwrap();
    assert_eq!(verify(&engines, Verify::Quick).outcome.kind, Kind::Fail);
    let recorded = engines.snapshot().unwrap().verification("e").unwrap();
    assert_eq!(recorded.outcome.kind, Kind::Fail);
    assert!(binary.exists(), "nothing is touched");

    fs::write(&binary, "program").unwrap();
    // Until its times are older than clocks are coarse.
    let begin = std::time::Instant::now();
    while verify(&engines, Verify::Quick).assurance.method != Some(Method::Fingerprint) {
        assert!(begin.elapsed().as_secs() < 60, "it settles");
    }

    engines.put(&engine(&[&binary], None)).unwrap();
    assert_eq!(verify(&engines, Verify::Full).outcome.kind, Kind::Warn);
    let both = engine(&[&binary, &binary], Some(digest));
    engines.put(&both).unwrap();
    let outcome = verify(&engines, Verify::Full).outcome;
    assert_eq!(outcome.kind, Kind::Warn);
    assert!(outcome.reason.unwrap().contains("exactly one"));
    let unusable = engine(&[&binary], Some("built by hand".to_owned()));
    engines.put(&unusable).unwrap();
    let error = engines.verify("e", Verify::Full, &mut |_| Ok(()));
    assert_eq!(error.unwrap_err().code(), "invalid_digest");
    let absent = engines.verify("other", Verify::Full, &mut |_| Ok(()));
    assert_eq!(absent.unwrap_err().code(), "not_found");
}

/// ENG-121
#[test]
fn a_put_of_the_same_engine_keeps_its_proof_and_any_other_drops_it() {
    let folder = tempfile::tempdir().unwrap();
    let engines = FsEngineStore::new(folder.path().join("root")).unwrap();
    let binary = folder.path().join("llama-server");
    fs::write(&binary, "program").unwrap();
    let digest = Digest::of_file(&binary).unwrap().to_string();
    let one = engine(&[&binary], Some(digest));
    engines.put(&one).unwrap();
    verify(&engines, Verify::Full);
    let proof = || engines.snapshot().unwrap().verification("e");
    let found = proof();
    assert!(found.is_some());
    let newer = EngineEntry {
        version: "b4001".to_owned(),
        ..one.clone()
    };
    engines.put(&newer).unwrap();
    assert_eq!(proof(), found);
    engines.put(&engine(&[&binary], None)).unwrap();
    assert_eq!(proof(), None);

    engines.put(&one).unwrap();
    fs::write(&binary, "PROGRAM").unwrap();
    verify(&engines, Verify::Full);
    assert_eq!(proof().unwrap().outcome.kind, Kind::Fail);
    engines.put(&one).unwrap();
    assert_eq!(proof(), None, "a put ends a failure");
}
