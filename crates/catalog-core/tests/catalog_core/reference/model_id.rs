use std::fs;

use catalog_core::{CatalogStore, FsCatalog, ImportRequest, ModelId, ModelRef};

use crate::util::{entry, model_id, names_in, sealed};

/// Texts that are no ids, as they hold a secret or have no right length.
fn no_ids() -> Vec<String> {
    let mut texts = vec![String::new(), "x".repeat(ModelId::MAX_LEN + 1)];
    let urls = [
        "https://user:canary@host/m",
        "https://canary@host/m",
        "https://host/m?X-Amz-Signature=canary",
        "HTTPS://host/m?token=canary",
        "s3://user:canary@bucket/key",
        "https://host/m#access_token=canary",
    ];
    texts.extend(urls.map(str::to_owned));
    texts
}

/// CAT-1050
#[test]
fn an_id_is_exactly_a_text_that_put_accepts() {
    let root = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(root.path()).unwrap();
    let put = |id: &str| catalog.put(&entry(id, "m"));
    for text in no_ids() {
        let error = ModelId::new(text.as_str()).unwrap_err();
        let refused = put(&text).unwrap_err();
        assert_eq!(error.code(), "invalid_entry");
        assert_eq!(error.to_string(), refused.to_string());
        assert!(!format!("{error:?} {error}").contains("canary"), "{error}");
    }
    for text in [
        "x",
        " ",
        "a\nb",
        "hf:org/repo@main",
        "https://host/m?part=1",
        &"x".repeat(ModelId::MAX_LEN),
    ] {
        put(text).unwrap();
        let id = ModelId::try_from(text).unwrap();
        assert_eq!((id.as_str(), id.to_string()), (text, text.to_owned()));
        assert_eq!(String::from(id), text);
    }
    let reference = ModelRef::parse("https://user:canary@host/m?token=canary").unwrap();
    assert_eq!(
        reference.model_id().unwrap().as_str(),
        reference.id().unwrap()
    );
}

/// CAT-1051
#[test]
fn a_raw_id_reaches_no_staging_lock_or_pin() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("m.bin");
    fs::write(&source, "weights").unwrap();
    let root = folder.path().join("root");
    let catalog = FsCatalog::new(&root).unwrap();
    for text in no_ids() {
        let imported = text.parse::<ModelId>().and_then(|id| {
            let request = ImportRequest::new(&id, &source);
            catalog.import(&request, &mut |_| panic!("a byte was read"))
        });
        assert_eq!(imported.unwrap_err().code(), "invalid_entry");
    }
    assert!(!names_in(&root).contains(&"staging".to_owned()));
    let model = catalog.try_lock_model(&model_id("m")).unwrap();
    assert!(names_in(&root.join("locks")).contains(&"models".to_owned()));
    drop(model);
}

/// CAT-1052
#[test]
fn the_secrets_of_a_pins_reason_are_replaced_before_it_is_stored() {
    let root = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(root.path()).unwrap();
    catalog.put(&entry("m", "m.bin")).unwrap();
    let id = model_id("m");
    for (reason, shown) in [
        (
            "serves hf:org/repo@main: 3 pools",
            "serves hf:org/repo@main: 3 pools",
        ),
        (
            "needs hf_transfer and tokenizer=fast",
            "needs hf_transfer and tokenizer=fast",
        ),
        (
            "image ghcr.io/a/b:v1@sha256:00",
            "image ghcr.io/a/b:v1@sha256:00",
        ),
        (
            "see https://host/ticket?id=7",
            "see https://host/ticket?id=7",
        ),
        (
            "from https://u:canary@host/m.",
            "from https://REDACTED@host/m.",
        ),
        (
            "from git+https://canary@host/m",
            "from git+https://REDACTED@host/m",
        ),
        (
            "db postgres://u:canary@host/m",
            "db postgres://REDACTED@host/m",
        ),
        (
            "at https://host/m?part=1&X-Amz-Signature=canary now",
            "at https://host/m?part=1&X-Amz-Signature=REDACTED now",
        ),
        ("token=canary123 twice", "token=REDACTED twice"),
        ("HF_TOKEN = 'canary 1' x", "HF_TOKEN = 'REDACTED' x"),
        ("{\"api_key\": \"canary\"}", "{\"api_key\": \"REDACTED\"}"),
        (
            "Authorization: Bearer canary x",
            "Authorization: REDACTED x",
        ),
        (
            "curl --hf-token canary file",
            "curl --hf-token REDACTED file",
        ),
        (
            "login user:canary@host/repo:tag",
            "login REDACTED@host/repo:tag",
        ),
        ("with hf_canary31415926.", "with REDACTED."),
        ("ghp_canary1234567890canary", "REDACTED"),
        ("github_pat_canary1234567890_x", "REDACTED"),
        ("key sk-canary1234567890canary", "key REDACTED"),
        ("id AKIACANARY0123456789", "id REDACTED"),
        ("token=$HF_TOKEN auth=on", "token=$HF_TOKEN auth=on"),
    ] {
        catalog.pin(&id, "me", reason).unwrap();
        let pins = catalog.pins().unwrap();
        assert_eq!(pins[0].reason, shown, "{reason}");
        let file = fs::read_to_string(root.path().join("pins.json")).unwrap();
        let error = catalog.delete("m").unwrap_err();
        for text in [file, format!("{error:?} {error}")] {
            assert!(!text.to_lowercase().contains("canary"), "{text}");
        }
    }
}

/// CAT-1053
#[test]
fn the_owner_of_a_pin_is_no_secret() {
    let root = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(root.path()).unwrap();
    catalog.put(&entry("m", "m.bin")).unwrap();
    let id = model_id("m");
    for owner in ["token=canary", "hf_canary31415926", "https://u:canary@host"] {
        for error in [
            catalog.pin(&id, owner, "").unwrap_err(),
            catalog.unpin(&id, owner).unwrap_err(),
        ] {
            assert_eq!(error.code(), "invalid_entry");
            assert!(!format!("{error:?} {error}").contains("canary"), "{error}");
        }
    }
    assert_eq!(catalog.pins().unwrap(), []);
    assert!(catalog.delete("m").unwrap());
}

/// CAT-1054
#[test]
fn a_reason_that_an_older_release_stored_is_shown_without_secrets() {
    let root = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(root.path()).unwrap();
    catalog.put(&entry("m", "m.bin")).unwrap();
    catalog.pin(&model_id("m"), "me", "because").unwrap();
    let file = root.path().join("pins.json");
    let head = r#"{"version":1,"generation":9,"entries":{"#;
    let line = r#""me m":{"reason":"token=canary","since_ms":1"#;
    let old = sealed(head, &[line]);
    fs::write(&file, old).unwrap();
    let catalog = FsCatalog::new(root.path()).unwrap();
    assert_eq!(catalog.pins().unwrap()[0].reason, "token=REDACTED");
    let error = catalog.delete("m").unwrap_err();
    assert!(!format!("{error:?} {error}").contains("canary"), "{error}");
}
