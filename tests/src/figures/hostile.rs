//! Hostile ids, references, digests and paths at every public entry point, with links planted in
//! the root; nothing outside may change.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::panic::catch_unwind;
use std::path::{Component, Path, PathBuf};

use catalog_core::{
    CatalogEntry, CatalogStore, CollectionPolicy, Digest, EngineArtifact, EngineEntry, EngineStore,
    EntryPoint as EntryPointOf, Expectation, FileFetcher, FsCatalog, FsEngineStore, ImportRequest,
    LifecycleState, ModelFetcher, ModelId, ModelRef, Verify, verify_digest,
};
use model_provisioner::{Filter, HfCliFetcher, ModelProvisioner, Policy};

use crate::figure::{Measured, Outcome, Trial};
use crate::toy::ToyFetcher;

/// Texts that have broken programs like this one, and what they are put together from.
fn texts(outside: &Path) -> Vec<String> {
    let victim = outside.join("victim").display().to_string();
    let cores = [
        "",
        " ",
        ".",
        "..",
        "/",
        "//",
        "~",
        "-rf",
        "a\0b",
        "a\nb",
        "\u{202e}gpj",
        "ü",
        "🦙",
        "\"",
        "\\",
        "%2e%2e%2f",
        "%252e%252e%252f",
        "..\\..\\",
        "CON",
        "COM¹",
        "nul.gguf",
        "a.",
        "a ",
        "a:b",
        "C:\\x",
        "\\\\host\\share",
        "index.json",
        "engines.json",
        "INDEX.JSON",
        "index.json.previous",
        ".index.json.new",
        "locks/index.lock",
        "locks",
        "blobs",
        "staging/x",
        "artifacts",
        "out/victim",
        "out",
        "link",
        "dangling",
        "chain/victim",
        "circle",
        "circle/x",
        "sha256:",
        "sha256:../../x",
        "{\"version\":9}",
        "},\"checksum\":\"",
        "$(id)",
        "`id`",
        "*",
        "hf:",
        "hf:a",
        "hf:../b",
        "hf:a/../b",
        "hf:a/b/../../c",
        "hf:a/b@--x",
        "hf:a/b@../c",
        "hf:a/b\\c",
        "file:",
        "file://host/x",
        "file:///%00",
        "file:///..%2f..%2fetc",
        "ftp://x",
        "javascript:x",
        "http://",
        "https://[::1",
        "https://h:99999",
        "https://a b/",
        "s3://b/../../x",
        "s3://B/k",
        "oci://r/../x",
        "oci://r/x@sha256:zz",
        "oci://",
        "https://u:p@h/?token=x",
    ];
    let mut texts: Vec<String> = cores.iter().map(|core| (*core).to_owned()).collect();
    texts.extend([
        victim.clone(),
        format!("{victim}/.."),
        format!("file:{victim}"),
    ]);
    for core in cores {
        texts.push(format!("../{core}"));
        texts.push(format!("models/../../outside/{core}"));
        texts.push(format!("out/{core}"));
        texts.push(format!("hf:org/repo/{core}"));
    }
    texts.push("x".repeat(10_000));
    texts.push("../".repeat(3_000));
    texts.push("a/".repeat(3_000));
    texts
}

pub(super) fn measure(_: Trial) -> Outcome {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let base = folder.path().canonicalize().expect("it resolves");
    let (root, outside) = (base.join("root"), base.join("outside"));
    for made in [&root, &outside] {
        fs::create_dir(made).expect("a folder can be made");
    }
    fs::write(outside.join("victim"), "precious").expect("a file can be made");
    for (name, target) in [
        ("out", outside.clone()),
        ("link", outside.join("victim")),
        ("dangling", outside.join("nothing")),
        ("chain", root.join("out")),
        ("circle", root.join("circle")),
    ] {
        symlink(target, root.join(name)).expect("a link can be made");
    }
    let texts = texts(&outside);
    let before = contents(&outside);
    let mut measured = Measured::default();
    let (mut calls, mut panics) = (0, 0);
    for text in &texts {
        for (name, entry_point) in ENTRY_POINTS {
            calls += 1;
            if catch_unwind(|| entry_point(&root, text)).is_err() {
                panics += 1;
                measured.violation(format!("{name} panicked on {text:?}"));
            }
        }
        measured.check(contents(&outside) == before, || {
            format!("a file outside the root changed with {text:?}")
        });
    }
    for index in [
        FsCatalog::new(&root).map(drop),
        FsEngineStore::new(&root).map(drop),
    ] {
        if let Err(error) = index {
            measured.violation(format!("afterwards: {error}"));
        }
    }
    measured.at_least(300, "inputs", texts.len());
    measured.count("calls", calls);
    measured.count("panics", panics);
    Outcome::Measured(measured)
}

/// Something that takes a text from outside.
type EntryPoint = fn(&Path, &str);

const ENTRY_POINTS: [(&str, EntryPoint); 11] = [
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
        let expected = Expectation {
            files: BTreeMap::from([(text.to_owned(), digest_of(text))]),
            digest: Some(digest_of(text)),
            entry_point: EntryPointOf::File(text.to_owned()),
        };
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
        policy.outbound.organisations = Filter::all_but([text]);
        let provisioner = ModelProvisioner::new(catalog, fetcher).with_policy(policy);
        let _ = provisioner.ensure_present_str("hf:org/repo", None);
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

fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| (entry.path(), fs::read(entry.path()).unwrap_or_default()))
        .collect()
}
