use std::fs;
use std::path::Path;

use catalog_core::{CatalogEntry, CatalogError, FsCatalog, ImportRequest};

use crate::util::model_id;

fn import(folder: &Path, source: &str) -> Result<CatalogEntry, CatalogError> {
    let catalog = FsCatalog::new(folder.join("root")).unwrap();
    let source = folder.join(source);
    catalog.import(&ImportRequest::new(&model_id("id"), &source), &mut |_| {
        Ok(())
    })
}

/// A GGUF header of one tensor of `elements` 32-bit numbers at `offset`, and `data` bytes.
fn gguf(elements: u64, offset: u64, data: usize) -> Vec<u8> {
    let mut bytes = b"GGUF".to_vec();
    bytes.extend(3_u32.to_le_bytes());
    bytes.extend(1_u64.to_le_bytes());
    bytes.extend(1_u64.to_le_bytes());
    let text = |bytes: &mut Vec<u8>, text: &str| {
        bytes.extend((text.len() as u64).to_le_bytes());
        bytes.extend(text.as_bytes());
    };
    text(&mut bytes, "general.name");
    bytes.extend(8_u32.to_le_bytes());
    text(&mut bytes, "test");
    text(&mut bytes, "weight");
    bytes.extend(1_u32.to_le_bytes());
    bytes.extend(elements.to_le_bytes());
    bytes.extend(0_u32.to_le_bytes());
    bytes.extend(offset.to_le_bytes());
    bytes.resize(bytes.len().next_multiple_of(32) + data, 0);
    bytes
}

fn safetensors(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    bytes
}

/// CAT-820
#[test]
fn a_gguf_file_whose_header_is_none_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.gguf");
    let try_it = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        import(folder.path(), "m.gguf").map_err(|error| error.code())
    };
    let good = gguf(16, 0, 64);
    try_it(&good).unwrap();
    let header = good.len() - 64;
    for (what, bytes) in [
        (
            "a page of HTML",
            b"<!DOCTYPE html><html>log in</html>".to_vec(),
        ),
        ("nothing", Vec::new()),
        ("a cut header", good[..header - 40].to_vec()),
        ("a cut tensor", good[..good.len() - 1].to_vec()),
        ("an offset past the end", gguf(16, 1, 64)),
        ("an offset at the end of numbers", gguf(16, u64::MAX, 64)),
        ("more elements than numbers", gguf(u64::MAX, 0, 64)),
        ("version 9", {
            let mut bytes = good.clone();
            bytes[4] = 9;
            bytes
        }),
        ("a count that no file holds", {
            let mut bytes = good.clone();
            bytes[8..16].fill(0xff);
            bytes
        }),
        ("a key that no file holds", {
            let mut bytes = good.clone();
            bytes[24..32].fill(0xff);
            bytes
        }),
        ("an unknown type of value", {
            let mut bytes = good.clone();
            bytes[44] = 99;
            bytes
        }),
    ] {
        assert_eq!(try_it(&bytes).unwrap_err(), "format_refused", "{what}");
    }
}

/// CAT-820
#[test]
fn a_real_gguf_file_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/tiny.gguf");
    fs::copy(fixture, folder.path().join("tiny.gguf")).unwrap();
    let entry = import(folder.path(), "tiny.gguf").unwrap();
    assert!(entry.local_path.ends_with("files/tiny.gguf"));
}

/// CAT-821
#[test]
fn a_safetensors_file_whose_header_is_none_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.safetensors");
    let try_it = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        import(folder.path(), "m.safetensors").map_err(|error| error.code())
    };
    let tensor = |from: u64, to: u64| {
        format!(
            r#"{{"__metadata__":{{"a":"b"}},"w":{{"dtype":"F32","shape":[2],"data_offsets":[{from},{to}]}}}}"#
        )
    };
    try_it(&safetensors(&tensor(0, 8), 8)).unwrap();
    for (what, bytes) in [
        (
            "a page of HTML",
            b"<!DOCTYPE html><html>log in</html>".to_vec(),
        ),
        ("nothing", Vec::new()),
        ("a cut header", safetensors(&tensor(0, 8), 0)[..40].to_vec()),
        ("a cut tensor", safetensors(&tensor(0, 8), 7)),
        ("bytes of no tensor", safetensors(&tensor(0, 8), 9)),
        (
            "an offset past the end",
            safetensors(&tensor(0, u64::MAX), 8),
        ),
        ("an end before its begin", safetensors(&tensor(8, 0), 8)),
        ("no JSON", safetensors("{\"w\":", 8)),
        ("a list", safetensors("[]", 0)),
        ("a shape that needs more bytes", {
            let header = r#"{"w":{"dtype":"F32","shape":[4096],"data_offsets":[0,4]}}"#;
            safetensors(header, 4)
        }),
        ("a shape that fits no number", {
            let header = format!(
                r#"{{"w":{{"dtype":"F32","shape":[{0},{0}],"data_offsets":[0,4]}}}}"#,
                u64::MAX
            );
            safetensors(&header, 4)
        }),
    ] {
        assert_eq!(try_it(&bytes).unwrap_err(), "format_refused", "{what}");
    }
}

/// CAT-822
#[test]
fn a_shard_brings_its_siblings_and_a_missing_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let name = |number: u32| format!("m-{number:05}-of-00003.gguf");
    for number in [1, 2] {
        let elements = 8 + u64::from(number);
        let bytes = gguf(elements, 0, 64);
        fs::write(folder.path().join(name(number)), bytes).unwrap();
    }
    let error = import(folder.path(), &name(2)).unwrap_err();
    assert_eq!(error.code(), "artifact_incomplete");
    assert!(error.to_string().contains(&name(3)), "{error}");

    fs::write(folder.path().join(name(3)), gguf(4, 0, 64)).unwrap();
    let entry = import(folder.path(), &name(2)).unwrap();
    assert!(entry.local_path.ends_with(Path::new("files").join(name(1))));
    assert!(entry.local_path.with_file_name(name(3)).exists());
    assert_eq!(entry.digest.unwrap().algo, "sha256-tree");
}

/// CAT-823
#[test]
fn an_index_of_shards_names_what_has_to_be_there_and_nothing_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("model");
    fs::create_dir(&source).unwrap();
    let header = r#"{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#;
    fs::write(source.join("a.safetensors"), safetensors(header, 1)).unwrap();
    let index = |files: &str| {
        let text = format!(r#"{{"metadata":{{}},"weight_map":{files}}}"#);
        fs::write(source.join("model.safetensors.index.json"), text).unwrap();
        import(folder.path(), "model")
    };
    let error = index(r#"{"w":"a.safetensors","v":"b.safetensors"}"#).unwrap_err();
    assert_eq!(error.code(), "artifact_incomplete");
    assert!(error.to_string().contains("b.safetensors"), "{error}");
    for hostile in ["../a.safetensors", "/etc/passwd", "a\\\\b", "C:x"] {
        let error = index(&format!(r#"{{"w":"{hostile}"}}"#)).unwrap_err();
        assert_eq!(error.code(), "format_refused", "{hostile}: {error}");
    }
    fs::write(source.join("model.safetensors.index.json"), "<html>").unwrap();
    let error = import(folder.path(), "model").unwrap_err();
    assert_eq!(error.code(), "format_refused");
    // One of a variant counts, and what is no index is a file like any other.
    fs::remove_file(source.join("model.safetensors.index.json")).unwrap();
    let text = r#"{"weight_map":{"w":"a.safetensors","v":"b.fp16.safetensors"}}"#;
    fs::write(source.join("model.safetensors.index.fp16.json"), text).unwrap();
    let error = import(folder.path(), "model").unwrap_err();
    assert_eq!(error.code(), "artifact_incomplete");
    fs::remove_file(source.join("model.safetensors.index.fp16.json")).unwrap();
    fs::write(source.join("search.index.json"), "[1,2]").unwrap();
    index(r#"{"w":"a.safetensors"}"#).unwrap();
    // Left over: none of its files is there, but other weights are.
    fs::remove_file(source.join("search.index.json")).unwrap();
    fs::remove_dir_all(folder.path().join("root")).unwrap();
    index(r#"{"w":"c.safetensors","v":"d.safetensors"}"#).unwrap();
}
