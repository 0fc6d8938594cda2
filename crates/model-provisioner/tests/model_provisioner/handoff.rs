use std::fs;

use catalog_core::{FileFetcher, FsCatalog};
use model_provisioner::{
    EngineView, Handoff, HandoffDocument, ModelProvisioner, Policy, ProvisionRequest, StagingMode,
};

use crate::util::{Host, reference, sha256};

/// PROV-501
#[test]
fn a_handoff_tells_an_engine_what_it_needs_of_each_kind_of_model() {
    let host = Host::new();
    let file = host.model("single.bin", "weights");
    let folder = host.folder(
        "repo",
        &[("config.json", "{}"), ("sub/weights.bin", "weights")],
    );
    let first = host.model("m-00001-of-00002.gguf", "GGUF1");
    host.model("m-00002-of-00002.gguf", "GGUF22");
    for (path, view, size) in [
        (&file, EngineView::File, 7),
        (&folder, EngineView::Folder, 9),
        (&first, EngineView::FirstShard, 11),
    ] {
        let report = host
            .provisioner
            .provision(&ProvisionRequest::new(reference(path)))
            .unwrap();
        let handoff = Handoff::of(&report).unwrap();
        let handoff = handoff.document();
        assert_eq!((handoff.view, handoff.size), (view, size));
        assert_eq!((&handoff.path, &handoff.digest), (path, &None));
    }
    let request = ProvisionRequest::new(reference(&file)).expecting(sha256(&file));
    let report = host.provisioner.provision(&request).unwrap();
    let handoff = Handoff::of(&report).unwrap();
    assert_eq!(handoff.document().digest, Some(sha256(&file).to_string()));

    let target = host.cache().join("handoff.json");
    fs::write(&target, "something else").unwrap();
    handoff.write(&target).unwrap();
    assert_eq!(&HandoffDocument::read(&target).unwrap(), handoff.document());
    let json: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(&target).unwrap()).unwrap();
    assert_eq!(
        (&json["version"], &json["view"]),
        (&1.into(), &"file".into())
    );
    let left = fs::read_dir(host.cache()).unwrap().flatten();
    let is_temporary = |name: &std::ffi::OsString| name.to_string_lossy().starts_with(".handoff");
    assert!(
        !left
            .map(|entry| entry.file_name())
            .any(|name| is_temporary(&name))
    );
    let error = handoff
        .write(&host.cache().join("no/folder.json"))
        .unwrap_err();
    assert_eq!(error.code(), "io");
    assert!(error.to_string().contains("no"), "{error}");
}

/// CAT-829
#[test]
fn the_projector_of_a_model_is_handed_out_in_place_and_imported() {
    let host = Host::new();
    let model = host.model("m.gguf", "weights");
    host.model("mmproj-m-f16.gguf", "projector");
    for staging in [StagingMode::InPlace, StagingMode::Managed] {
        let mut policy = Policy::default();
        policy.staging = staging;
        let catalog = FsCatalog::new(host.cache().join(format!("{staging:?}"))).unwrap();
        let provisioner = ModelProvisioner::new(catalog, FileFetcher).with_policy(policy);
        let provisioner = provisioner.unwrap();
        let request = ProvisionRequest::new(reference(&model)).expecting(sha256(&model));
        for _ in 0..2 {
            let report = provisioner.provision(&request).unwrap();
            let handoff = Handoff::of(&report).unwrap();
            let document = handoff.document();
            let beside = document.path.with_file_name("mmproj-m-f16.gguf");
            assert_eq!(document.companions, [beside]);
            assert_eq!(document.size, 7, "the companion is no part of the model");
            assert_eq!(document.digest, Some(sha256(&model).to_string()));
        }
    }
}
