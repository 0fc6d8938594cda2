//! Models as people have them: the same checks in place and in the store.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use catalog_core::{
    CancelToken, CatalogError, ContentCheck, FsCatalog, ImportRequest, Limits, LocalModel,
};

use crate::util::model_id;

const POINTER: &str = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";

/// A model: its files, and the file or folder that a user names.
struct Model {
    files: Vec<(&'static str, Vec<u8>)>,
    named: &'static str,
}

fn file(name: &'static str, bytes: impl Into<Vec<u8>>) -> Model {
    Model {
        files: vec![(name, bytes.into())],
        named: name,
    }
}

fn folder(files: &[(&'static str, &[u8])]) -> Model {
    let files = files.iter();
    Model {
        files: files.map(|(name, bytes)| (*name, bytes.to_vec())).collect(),
        named: "",
    }
}

/// Looks at a model in place, and imports it. Both have to end alike; of a refusal they return the code
/// and the text.
fn look(model: &Model, how: ContentCheck) -> Result<usize, (String, String)> {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("source");
    for (name, bytes) in &model.files {
        let path = source.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let named = match model.named {
        "" => source,
        name => source.join(name),
    };
    let in_place = LocalModel::resolve(&named);
    let in_place = in_place.and_then(|model| model.check_content(how, &|| Ok(())));
    let catalog = FsCatalog::new(folder.path().join("root")).unwrap();
    let id = model_id("id");
    let mut request = ImportRequest::new(&id, &named);
    request.expected.content = how;
    let imported = catalog.import(&request, &mut |_| Ok(()));
    let told = |error: &CatalogError| (error.code().to_owned(), error.to_string());
    match (in_place, imported) {
        (Ok(warnings), Ok(_)) => Ok(warnings.len()),
        (Err(a), Err(b)) => {
            assert_eq!(told(&a), told(&b));
            assert!(!a.to_string().contains("staging"), "{a}");
            assert!(
                a.to_string().contains(named.to_str().unwrap()) || model.named.contains("-of-"),
                "{a}"
            );
            Err(told(&a))
        }
        (a, b) => panic!("in place {a:?}, imported {b:?}"),
    }
}

#[track_caller]
fn refuses(model: &Model, code: &str, words: &str) {
    let (found, text) = look(model, ContentCheck::RefuseWrong).unwrap_err();
    assert_eq!(found, code, "{text}");
    assert!(text.contains(words), "{text}");
    look(model, ContentCheck::Skip).map_or_else(
        // A missing shard is no model at all.
        |(code, _)| assert_eq!(code, "artifact_incomplete"),
        |warnings| assert_eq!(warnings, 0),
    );
}

/// A GGUF file of one tensor.
fn gguf(kind: u32, shape: &[u64], data: usize) -> Vec<u8> {
    let mut bytes = b"GGUF".to_vec();
    bytes.extend(3_u32.to_le_bytes());
    bytes.extend(1_u64.to_le_bytes());
    bytes.extend(0_u64.to_le_bytes());
    bytes.extend(1_u64.to_le_bytes());
    bytes.push(b'w');
    bytes.extend((shape.len() as u32).to_le_bytes());
    shape.iter().for_each(|n| bytes.extend(n.to_le_bytes()));
    bytes.extend(kind.to_le_bytes());
    bytes.extend(0_u64.to_le_bytes());
    bytes.resize(bytes.len().next_multiple_of(32) + data, 0);
    bytes
}

/// CAT-824
#[test]
fn known_wrong_content_is_refused_by_its_cause_in_place_and_in_the_store() {
    for name in [
        "m.gguf",
        "m.safetensors",
        "pytorch_model.bin",
        "tokenizer.model",
    ] {
        refuses(&file(name, POINTER), "format_refused", "run `git lfs pull`");
        for page in [
            "<!DOCTYPE html><html>",
            "\u{feff}  <HTML><head>",
            "\n<html lang=en>",
        ] {
            refuses(&file(name, page), "format_refused", "it is a web page");
        }
        for text in [
            "Entry not found",
            "Invalid username or password.",
            "{\"error\":\"Repository not found\"}",
            "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>",
        ] {
            refuses(
                &file(name, text),
                "format_refused",
                "the error text of a server",
            );
        }
    }
    // A page among the files of a folder, and one that is meant to be one.
    let page: &[u8] = b"<html>log in</html>";
    refuses(
        &folder(&[("config.json", page), ("m.bin", b"weights")]),
        "format_refused",
        "config.json",
    );
    let readme = folder(&[("README.html", page), ("m.bin", b"weights")]);
    assert_eq!(look(&readme, ContentCheck::RefuseWrong), Ok(0));
}

/// CAT-824
#[test]
fn unrecognised_content_is_a_warning_unless_a_caller_says_otherwise() {
    for fake in [file("m.gguf", "weights"), file("m.safetensors", "weights")] {
        assert_eq!(look(&fake, ContentCheck::RefuseWrong), Ok(1));
        assert_eq!(look(&fake, ContentCheck::Skip), Ok(0));
        let (code, text) = look(&fake, ContentCheck::RefuseUnrecognised).unwrap_err();
        assert_eq!(code, "format_refused");
        assert!(text.contains("does not begin as"), "{text}");
    }
}

/// CAT-825
#[test]
fn every_type_of_tensor_has_its_size() {
    // `[256, 4]` of each type, in bytes.
    for (kind, bytes) in [
        (0, 4096),
        (1, 2048),
        (2, 576),
        (3, 640),
        (6, 704),
        (7, 768),
        (8, 1088),
        (9, 1152),
        (10, 336),
        (11, 440),
        (12, 576),
        (13, 704),
        (14, 840),
        (15, 1168),
        (16, 264),
        (17, 296),
        (18, 392),
        (19, 200),
        (20, 576),
        (21, 440),
        (22, 328),
        (23, 544),
        (24, 1024),
        (25, 2048),
        (26, 4096),
        (27, 8192),
        (28, 8192),
        (29, 224),
        (30, 2048),
        (34, 216),
        (35, 264),
        (39, 544),
        (40, 576),
        (41, 144),
    ] {
        let whole = file("m.gguf", gguf(kind, &[256, 4], bytes));
        assert_eq!(look(&whole, ContentCheck::RefuseWrong), Ok(0), "{kind}");
        for data in [bytes - 1, 0] {
            let cut = file("m.gguf", gguf(kind, &[256, 4], data));
            refuses(&cut, "format_refused", "the file is cut off");
        }
    }
    let unknown = file("m.gguf", gguf(99, &[256, 4], 32));
    assert_eq!(look(&unknown, ContentCheck::RefuseWrong), Ok(1));
    refuses(
        &file("m.gguf", gguf(99, &[256, 4], 0)),
        "format_refused",
        "cut off",
    );
}

/// CAT-822
#[test]
fn a_set_of_shards_is_known_by_every_ending() {
    for (first, second) in [
        ("m-00001-of-00002.gguf", "m-00002-of-00002.gguf"),
        (
            "m-00001-of-00002.safetensors",
            "m-00002-of-00002.safetensors",
        ),
        ("m-00001-of-00002.bin", "m-00002-of-00002.bin"),
        (
            "m-00001-of-00002.fp16.safetensors",
            "m-00002-of-00002.fp16.safetensors",
        ),
    ] {
        refuses(&file(first, "weights"), "artifact_incomplete", second);
        let both = Model {
            files: vec![(first, b"weights".to_vec()), (second, b"WEIGHTS".to_vec())],
            named: second,
        };
        look(&both, ContentCheck::RefuseWrong).unwrap();
        let lone = folder(&[(first, b"weights"), ("config.json", b"{}")]);
        refuses(&lone, "artifact_incomplete", second);
    }
}

/// CAT-826
#[test]
fn parts_of_files_are_refused_with_the_repair() {
    for (name, repair) in [
        ("m.gguf.part1of2", "join all parts"),
        ("m.gguf-split-a", "join all parts"),
        ("m.safetensors.incomplete", "finish the download"),
        ("m.gguf.part", "finish the download"),
    ] {
        refuses(&file(name, "weights"), "format_refused", repair);
    }
}

/// CAT-827
#[test]
fn hostile_headers_are_read_as_streams_and_reading_ends_when_the_call_does() {
    let long_name = format!("{{\"{}\":{{}}}}", "x".repeat(2 << 20));
    let mut bytes = (long_name.len() as u64).to_le_bytes().to_vec();
    bytes.extend(long_name.as_bytes());
    refuses(
        &file("m.safetensors", bytes),
        "format_refused",
        "longer than 1 MiB",
    );

    // Many empty strings in a GGUF header: the reading ends long before all of them are read.
    let count = 1_u64 << 22;
    let mut bytes = b"GGUF".to_vec();
    bytes.extend(3_u32.to_le_bytes());
    bytes.extend(0_u64.to_le_bytes());
    bytes.extend(1_u64.to_le_bytes());
    bytes.extend(1_u64.to_le_bytes());
    bytes.push(b'k');
    bytes.extend(9_u32.to_le_bytes());
    bytes.extend(8_u32.to_le_bytes());
    bytes.extend(count.to_le_bytes());
    bytes.resize(bytes.len() + count as usize * 8, 0);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.gguf");
    fs::write(&path, bytes).unwrap();
    let looks = AtomicUsize::new(0);
    let model = LocalModel::resolve(&path).unwrap();
    let ended = model.check_content(ContentCheck::RefuseWrong, &|| match looks
        .fetch_add(1, Ordering::Relaxed)
    {
        0..3 => Ok(()),
        _ => Err(CatalogError::Cancelled),
    });
    assert_eq!(ended.unwrap_err().code(), "cancelled");
    assert_eq!(looks.into_inner(), 4);

    let token = CancelToken::new();
    token.cancel();
    let catalog = FsCatalog::new(folder.path().join("root")).unwrap();
    let catalog = catalog.with_limits(Limits::none().cancelled_by(&token));
    let id = model_id("id");
    let request = ImportRequest::new(&id, Path::new(&path));
    let ended = catalog.import(&request, &mut |_| Ok(()));
    assert_eq!(ended.unwrap_err().code(), "cancelled");
}

/// CAT-826
#[test]
fn a_folder_whose_download_has_not_ended_is_refused() {
    let unfinished = folder(&[
        ("config.json", b"{}"),
        (".cache/huggingface/download/a/b.incomplete", b"half"),
    ]);
    refuses(&unfinished, "format_refused", "finish the download");
    let finished = folder(&[
        ("config.json", b"{}"),
        (".cache/huggingface/download/config.json.metadata", b"notes"),
        (".cache/huggingface/download/config.json.lock", b""),
        ("._m.safetensors", b"a fork"),
    ]);
    assert_eq!(look(&finished, ContentCheck::RefuseUnrecognised), Ok(0));
}
