use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Component, Path};

use catalog_core::maintenance::{CollectionPolicy, Verify};
use catalog_core::{
    CatalogEntry, CatalogStore, Digest, EngineArtifact, EngineEntry, EngineStore,
    EntryPoint as EntryPointOf, Expectation, FileFetcher, FsCatalog, FsEngineStore, ImportRequest,
    LifecycleState, ModelFetcher, ModelId, ModelRef, verify_digest,
};
use model_provisioner::{Filter, HfCliFetcher, ModelProvisioner, Policy};

use crate::toy::ToyFetcher;

/// Something that takes a text from outside.
pub(super) type EntryPoint = fn(&Path, &str);

/// Every public entry point that takes a text, by name.
pub(super) const ENTRY_POINTS: [(&str, EntryPoint); 11] = [
    ("a reference", |_, text| {
        if let Ok(mr) = ModelRef::parse(text) {
            let _ = (
                mr.id(),
                mr.to_string(),
                format!("{mr:?}"),
                FileFetcher.ensure_present(&mr),
            );
        }
    }),
    ("a digest", |_, text| {
        let literal = digest_of(text);
        let _ = (
            text.parse::<Digest>(),
            verify_digest(Some(&literal), Some(&literal)),
        );
        let _ = Digest::of_file(Path::new(text)).is_ok() || literal.algorithm().is_ok();
    }),
    ("an id", |root, text| {
        let Ok(catalog) = FsCatalog::new(root) else {
            return;
        };
        let _ = catalog.put(&model(text, "models/m"));
        let _ = (catalog.get(text), catalog.exists(text));
        let _ = catalog.set_state(text, LifecycleState::Retired);
        let _ = catalog.delete(text);
    }),
    ("a path", |root, text| {
        let Ok(catalog) = FsCatalog::new(root) else {
            return;
        };
        let _ = catalog.put(&model("id", text));
        let _ = (catalog.exists("id"), catalog.delete("id"));
    }),
    ("a staged name", |root, text| {
        let Ok(catalog) = FsCatalog::new(root) else {
            return;
        };
        let Ok(id) = ModelId::new(text) else {
            return;
        };
        let Ok(mut staging) = catalog.artifacts().stage(&id, 0) else {
            return;
        };
        if let Ok(mut file) = staging.create(text) {
            let _ = file.write_all(b"planted");
            let _ = file.finish();
        }
        // As a fetcher's own program would write it, if not elsewhere.
        let mut parts = Path::new(text).components();
        if parts.all(|part| matches!(part, Component::Normal(_))) {
            let _ = fs::write(staging.folder().join(text), "planted");
        }
        let expected = Expectation::default()
            .files(BTreeMap::from([(text.to_owned(), digest_of(text))]))
            .digest(digest_of(text))
            .entry_point(EntryPointOf::File(text.to_owned()));
        let _ = staging
            .verify(&expected, &mut |_| Ok(()))
            .and_then(|verified| verified.publish());
    }),
    ("an index of shards", |root, text| {
        let Ok(catalog) = FsCatalog::new(root) else {
            return;
        };
        let id = ModelId::new("id").expect("it is an id");
        let Ok(mut staging) = catalog.artifacts().stage(&id, 0) else {
            return;
        };
        let named = serde_json::json!({ "weight_map": { "w": text } }).to_string();
        if let Ok(mut file) = staging.create("model.safetensors.index.json") {
            let _ = file.write_all(named.as_bytes());
            let _ = file.finish();
        }
        let _ = staging.verify(&Expectation::default(), &mut |_| Ok(()));
    }),
    ("an import", |root, text| {
        let Ok(catalog) = FsCatalog::new(root) else {
            return;
        };
        // Of what is small: some of the texts name folders like `/`.
        let is_small = fs::metadata(text).is_ok_and(|metadata| metadata.is_file());
        if let (true, Ok(id)) = (is_small, ModelId::new(text)) {
            let request = ImportRequest::new(&id, Path::new(text));
            let _ = catalog.import(&request, &mut |_| Ok(()));
        }
        let _ = catalog.delete(text);
    }),
    ("an id of what is kept true", |root, text| {
        let Ok(catalog) = FsCatalog::new(root) else {
            return;
        };
        let _ = catalog.put(&model(text, "link"));
        let id = ModelId::new(text);
        let _ = (
            catalog.lease(text),
            id.as_ref().map(|id| catalog.pin(id, text, text)),
        );
        let _ = catalog.verify(text, Verify::Full, &mut |_| Ok(()));
        let _ = catalog.repair(text, &mut |_, _| Ok(()), &mut |_| Ok(()));
        let _ = (
            catalog.artifacts().open(text),
            id.map(|id| catalog.unpin(&id, text)),
        );
        if let Ok(plan) = catalog.plan_collection(&CollectionPolicy::default()) {
            let _ = catalog.collect(&plan);
        }
        let _ = catalog.delete(text);
    }),
    ("a provisioned reference", |root, text| {
        let Ok(catalog) = FsCatalog::new(root) else {
            return;
        };
        let is_small = fs::metadata(text).is_ok_and(|metadata| metadata.is_file());
        let is_remote = ModelRef::parse(text).is_ok_and(|mr| mr.scheme() != "file");
        let _ = ModelId::new(text).map(|id| catalog.try_lock_model(&id));
        let provisioner = ModelProvisioner::new(catalog, ToyFetcher::of(text.as_bytes()));
        for reference in [text.to_owned(), format!("hf:org/repo/{text}")] {
            if is_small || is_remote || reference != text {
                let _ = provisioner.ensure_present_str(&reference, Some(digest_of(text)));
                if let Ok(found) = provisioner.ensure_present_str(&reference, None) {
                    let _ = provisioner.catalog().delete(&found.id);
                }
            }
        }
    }),
    ("a folder of the hub's command, and rules", |root, text| {
        let Ok(catalog) = FsCatalog::new(root) else {
            return;
        };
        let fetcher = HfCliFetcher::new(catalog.artifacts())
            .search_path(text)
            .endpoint(text)
            .token(text);
        let mut policy = Policy::default();
        policy.outbound.hosts = Filter::only([text]);
        policy.outbound.organisations = Filter::except([text]);
        let provisioner = ModelProvisioner::new(catalog, fetcher).with_policy(policy);
        let _ = provisioner.and_then(|it| it.ensure_present_str("hf:org/repo", None));
    }),
    ("an engine's artifact", |root, text| {
        let Ok(engines) = FsEngineStore::new(root) else {
            return;
        };
        let _ = EngineArtifact::of(Path::new(text));
        let _ = engines.put(&engine(text));
        let _ = engines.delete("id");
    }),
];

fn digest_of(text: &str) -> Digest {
    Digest {
        algo: "sha256".to_owned(),
        value: text.to_owned(),
    }
}

fn model(id: &str, path: &str) -> CatalogEntry {
    CatalogEntry {
        id: id.to_owned(),
        local_path: path.into(),
        lifecycle: LifecycleState::Active,
        digest: None,
        last_verified_ms: None,
    }
}

fn engine(artifact: &str) -> EngineEntry {
    EngineEntry {
        id: "id".to_owned(),
        engine: "engine".to_owned(),
        version: "1".to_owned(),
        build_ref: None,
        digest: Some(artifact.to_owned()),
        build_flags: None,
        artifacts: vec![artifact.into()],
        created_ms: 0,
    }
}
