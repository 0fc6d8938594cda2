use std::fs;
use std::path::{Path, PathBuf};

use catalog_core::{EngineArtifact, EngineEntry, EngineStore, FsEngineStore};

use crate::util::{root_with, sealed};

fn engine() -> EngineEntry {
    EngineEntry {
        id: "e".to_owned(),
        engine: "llama.cpp".to_owned(),
        version: "b4000".to_owned(),
        build_ref: None,
        digest: None,
        build_flags: None,
        artifacts: Vec::new(),
        created_ms: 0,
    }
}

fn flags(flags: &[&str]) -> Option<Vec<String>> {
    Some(flags.iter().map(|&flag| flag.to_owned()).collect())
}

/// ENG-111
#[test]
fn a_secret_in_an_engine_is_an_error_that_names_its_field() {
    let root = tempfile::tempdir().unwrap();
    let engines = FsEngineStore::new(root.path()).unwrap();
    let text = |text: &str| Some(text.to_owned());
    let with_flags = |given: &[&str]| EngineEntry {
        build_flags: flags(given),
        ..engine()
    };
    for (field, entry) in [
        ("build_flags", with_flags(&["-DTOKEN=canary1"])),
        ("build_flags", with_flags(&["--hf-token", "canary1"])),
        (
            "build_flags",
            with_flags(&["--index=https://u:canary1@host/simple"]),
        ),
        ("build_flags", with_flags(&["-O2", "hf_canary31415926"])),
        (
            "build_ref",
            EngineEntry {
                build_ref: text("https://canary1@host/engine.git#main"),
                ..engine()
            },
        ),
        (
            "engine",
            EngineEntry {
                engine: "hf_canary31415926".to_owned(),
                ..engine()
            },
        ),
        (
            "version",
            EngineEntry {
                version: "password=canary1".to_owned(),
                ..engine()
            },
        ),
        (
            "digest",
            EngineEntry {
                digest: text("token=canary1"),
                ..engine()
            },
        ),
        (
            "id",
            EngineEntry {
                id: "https://u:canary1@host".to_owned(),
                ..engine()
            },
        ),
        (
            "id",
            EngineEntry {
                id: "token=canary1".to_owned(),
                ..engine()
            },
        ),
    ] {
        let error = engines.put(&entry).unwrap_err();
        assert_eq!(error.code(), "invalid_entry", "{error}");
        assert!(
            error.to_string().contains(&format!("its {field} ")),
            "{error}"
        );
        assert!(!format!("{error:?} {error}").contains("canary"), "{error}");
    }
    assert_eq!(engines.list().unwrap(), []);
    for name in ["engines.json", "engines.json.previous"] {
        let text = fs::read_to_string(root.path().join(name)).unwrap_or_default();
        assert!(!text.contains("canary"), "{name}");
    }
}

/// ENG-112
#[test]
fn flags_that_hold_no_secret_come_back_as_they_were_put() {
    let root = tempfile::tempdir().unwrap();
    let engines = FsEngineStore::new(root.path()).unwrap();
    let entry = EngineEntry {
        build_ref: Some("https://github.com/ggml-org/llama.cpp.git#b4000".to_owned()),
        build_flags: flags(&[
            "-DGGML_CUDA=ON",
            "-DLLAMA_AUTH=ON",
            "--tokenizer=fast",
            "--pass-through",
            "gpu",
            "-DCMAKE_CUDA_ARCHITECTURES=80;90",
            "--token=$HF_TOKEN",
            "--with=hf_transfer",
            "--mirror=https://host/simple?part=1",
            "-fdebug-prefix-map=/a:/b=c",
        ]),
        ..engine()
    };
    engines.put(&entry).unwrap();
    assert_eq!(engines.get("e").unwrap(), Some(entry));
}

/// ENG-113
#[test]
fn an_engines_digest_of_a_known_algorithm_is_one() {
    let root = tempfile::tempdir().unwrap();
    let engines = FsEngineStore::new(root.path()).unwrap();
    let put = |digest: &str| {
        engines.put(&EngineEntry {
            digest: Some(digest.to_owned()),
            ..engine()
        })
    };
    for digest in [
        "sha256:abc123",
        "sha256:",
        "SHA512:ab",
        &format!("sha256:{}", "g".repeat(64)),
        &format!("sha256-tree:{}", "a".repeat(63)),
    ] {
        let error = put(digest).unwrap_err();
        assert_eq!(error.code(), "invalid_entry", "{digest}");
        assert!(error.to_string().contains("digest"), "{error}");
    }
    for digest in [
        &format!("sha256:{}", "a".repeat(64)),
        &format!("sha512:{}", "a".repeat(128)),
        "blake3:ab",
        "v1.2",
        "",
    ] {
        put(digest).unwrap();
        let found = engines.get("e").unwrap().unwrap();
        assert_eq!(found.digest.as_deref(), Some(digest));
    }
}

/// ENG-114
#[test]
fn engines_that_an_older_release_wrote_with_such_texts_are_read() {
    let line = r#""e":{"engine":"x","version":"1","digest":"sha256:abc","build_flags":["--token=t"],"artifacts":[],"created_ms":0"#;
    let text = sealed(r#"{"version":1,"generation":1,"entries":{"#, &[line]);
    let root = root_with("engines.json", &text);
    let engines = FsEngineStore::new(root.path()).unwrap();
    let entry = engines.get("e").unwrap().unwrap();
    assert_eq!(entry.digest.as_deref(), Some("sha256:abc"));
    engines
        .put(&EngineEntry {
            id: "f".to_owned(),
            ..engine()
        })
        .unwrap();
    assert_eq!(engines.get("e").unwrap(), Some(entry));
}

/// ENG-115
#[test]
fn images_are_spelled_as_registries_spell_them() {
    let hex = "0f".repeat(32);
    let is_image = |text: &str| match EngineArtifact::of(Path::new(text)) {
        Ok(EngineArtifact::Image(image)) => Some(image.to_owned()),
        _ => None,
    };
    for text in [
        "localhost/repo:tag",
        "LOCALHOST/repo:tag",
        "GHCR.IO/org/repo:tag",
        "registry:5000/repo:v1",
        "[::1]:5000/repo:v1",
        "docker.io/library/x:1",
        "ghcr.io/org/re__po.x-y:V1.2-rc_3",
        &format!("ghcr.io/org/repo@sha256:{hex}"),
        &format!("ghcr.io/org/repo:tag@sha256:{hex}"),
        &format!("ghcr.io/org/repo@sha512:{hex}{hex}"),
        &format!("ghcr.io/org/repo@blake3:{hex}"),
        &format!(
            "ghcr.io/org/repo@sha256+b64u:{}",
            "LCa0a2j_xo_5m0U8HTBBNBNCLXBkg7-g-YpeiGJm564"
        ),
    ] {
        assert_eq!(is_image(text).as_deref(), Some(text));
        let marked = format!("oci://{text}");
        assert_eq!(is_image(&marked).as_deref(), Some(text));
    }
    for text in ["ghcr.io/org/repo", "registry/repo", "docker.io/library/x"] {
        let artifact = EngineArtifact::of(Path::new(text)).unwrap();
        assert_eq!(artifact, EngineArtifact::Local(Path::new(text)));
        assert_eq!(is_image(&format!("oci://{text}")).as_deref(), Some(text));
    }
}

/// ENG-116
#[test]
fn what_is_no_image_says_what_is_wrong_with_it() {
    let short = format!("ghcr.io/org/repo@blake3:{}", "a".repeat(31));
    let upper = format!("ghcr.io/org/repo@SHA256:{}", "0f".repeat(32));
    let tree = format!("ghcr.io/org/repo@sha256-tree:{}", "0f".repeat(32));
    for (text, part) in [
        ("ghcr.io/org/repo@sha256:abc", "a digest is"),
        (short.as_str(), "a digest is"),
        (upper.as_str(), "a digest is"),
        (tree.as_str(), "a digest is"),
        ("ghcr.io/Org/repo:tag", "a repository is"),
        ("ghcr.io/org/repo:-tag", "a tag is"),
        ("registry:5000/repo", "oci://"),
        ("vllm:latest", "oci://"),
        ("repo/x@y:z", "oci://"),
    ] {
        let error = EngineArtifact::of(Path::new(text)).unwrap_err();
        assert_eq!(error.code(), "path_refused");
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains(part), "{text}: {cause}");
        assert!(cause.contains("./"), "{text}: {cause}");
    }
}

/// ENG-117
#[test]
fn an_image_with_a_password_is_refused_and_not_shown() {
    let root = tempfile::tempdir().unwrap();
    let engines = FsEngineStore::new(root.path()).unwrap();
    let hex = "0f".repeat(32);
    for text in [
        "user:canary@host/repo:tag",
        "user:canary@ghcr.io/org/repo:tag",
        "canary@ghcr.io/org/repo:tag",
        "oci://user:canary@host/repo:tag",
        "oci://canary@host/repo",
        "user:can/canary@host/repo:tag",
        &format!("user:canary@ghcr.io/repo:tag@sha256:{hex}"),
        &format!("user:ca/canary@ghcr.io/repo@sha256:{hex}"),
    ] {
        let error = engines
            .put(&EngineEntry {
                artifacts: vec![PathBuf::from(text)],
                ..engine()
            })
            .unwrap_err();
        assert_eq!(error.code(), "path_refused", "{text}");
        assert!(
            !format!("{error:?} {error}").contains("canary"),
            "{error:?}"
        );
    }
    assert_eq!(engines.list().unwrap(), []);
}

/// ENG-130
#[test]
fn a_snapshot_of_engines_serialises_to_the_same_text_wherever_the_root_is() {
    let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let json = |root: &Path| {
        let engines = FsEngineStore::new(root).unwrap();
        let artifacts = vec!["engines/server".into(), "/srv/library".into()];
        let entry = EngineEntry {
            artifacts,
            ..engine()
        };
        engines.put(&entry).unwrap();
        let snapshot = engines.snapshot().unwrap();
        engines.delete("e").unwrap();
        assert_eq!(snapshot.len(), 1, "it does not change");
        serde_json::to_string(&snapshot).unwrap()
    };
    let first = json(a.path());
    assert_eq!(first, json(b.path()));
    assert!(first.contains("\"e\":{"), "{first}");
}
