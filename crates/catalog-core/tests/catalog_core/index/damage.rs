//! What is damaged is never served, and never overwritten.

use std::fs;

use catalog_core::{CatalogStore, FsCatalog, LifecycleState};

use crate::util::{entry, fixture, root_with, sealed};

/// Opening fails with `index_damaged`, the message names the file, and not a byte of it changes.
#[track_caller]
fn is_refused(bytes: &[u8], what: &str) {
    let root = root_with("index.json", bytes);
    let error = match FsCatalog::new(root.path()) {
        Ok(catalog) => panic!("{what} was served: {:?}", catalog.list()),
        Err(error) => error,
    };
    assert_eq!(error.code(), "index_damaged", "{what}: {error}");
    assert!(error.to_string().contains("index.json"), "{what}: {error}");
    assert_eq!(
        fs::read(root.path().join("index.json")).unwrap(),
        bytes,
        "{what}"
    );
}

/// CAT-420
#[test]
fn a_flipped_bit_anywhere_is_noticed() {
    for name in ["index-v1-future-minor.json", "index-v2.json"] {
        let good = fixture(name);
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("index.json");
        for position in 0..good.len() {
            for bit in 0..8 {
                let mut bytes = good.clone();
                bytes[position] ^= 1 << bit;
                fs::write(&path, &bytes).unwrap();
                let error = FsCatalog::new(root.path()).expect_err("a flipped bit is noticed");
                let is_typed = ["index_damaged", "index_too_new"].contains(&error.code());
                assert!(is_typed, "bit {bit} of byte {position} of {name}: {error}");
            }
        }
    }
}

/// CAT-420
#[test]
fn a_cut_or_lost_part_is_noticed() {
    for name in [
        "index-v1.json",
        "index-v1-future-minor.json",
        "index-v1-empty.json",
        "index-v2.json",
        "index-v2-active.json",
    ] {
        let good = fixture(name);
        for end in 0..good.len() {
            is_refused(&good[..end], &format!("{name} cut at byte {end}"));
        }
        let lines: Vec<&[u8]> = good.split_inclusive(|byte| *byte == b'\n').collect();
        for lost in 0..lines.len() {
            let mut rest = lines.clone();
            rest.remove(lost);
            is_refused(&rest.concat(), &format!("{name} without line {lost}"));
        }
        is_refused(&[good.as_slice(), b"\n"].concat(), "something added");
        is_refused(
            &[good.as_slice(), good.as_slice()].concat(),
            "written twice",
        );
    }
}

/// CAT-421
#[test]
fn what_is_no_index_is_refused_and_left_as_it_was() {
    for (what, text) in [
        ("zeros", "\0\0\0\0"),
        ("an empty file", ""),
        ("prose", "not JSON"),
        ("a list", "[]"),
        ("a version only", "{\"version\":1}"),
        (
            "a format 1 without checksum",
            "{\"version\":1,\"generation\":1,\"entries\":{}}",
        ),
        (
            "a version of text",
            "{\"version\":\"1\",\"generation\":1,\"entries\":{}}",
        ),
        (
            "a version below the first",
            "{\"version\":0,\"generation\":1,\"entries\":{}}",
        ),
        ("format 0 with no record", "{\"a\":1}"),
        (
            "format 0 with a half record",
            "{\"a\":{\"lifecycle\":\"Active\"}}",
        ),
        (
            "format 0 with an unknown state",
            "{\"a\":{\"local_path\":\"m\",\"lifecycle\":\"Broken\"}}",
        ),
        (
            "format 0 with an entry of two ids",
            "{\"a\":{\"id\":\"b\",\"local_path\":\"m\",\"lifecycle\":\"Active\"}}",
        ),
        (
            "format 0 with an id twice",
            "{\"a\":{\"local_path\":\"m\",\"lifecycle\":\"Active\"},\"a\":{\"local_path\":\"n\",\"lifecycle\":\"Active\"}}",
        ),
        (
            "format 0 with an empty id",
            "{\"\":{\"local_path\":\"m\",\"lifecycle\":\"Active\"}}",
        ),
    ] {
        is_refused(text.as_bytes(), what);
    }
    for path in [
        "",
        ".",
        "..",
        "../x",
        "a/../../x",
        "index.json",
        "locks/x",
        "/",
    ] {
        let text = format!("{{\"a\":{{\"local_path\":\"{path}\",\"lifecycle\":\"Active\"}}}}");
        is_refused(text.as_bytes(), &format!("a record with the path {path:?}"));
    }
}

/// CAT-421
#[test]
fn lines_that_no_release_wrote_are_refused_though_their_sums_are_right() {
    const HEAD: &str = r#"{"version":2,"generation":1,"entries":{"#;
    let line = |id: &str| format!(r#""{id}":{{"local_path":"m","lifecycle":"active""#);
    let root = root_with("index.json", &sealed(HEAD, &[&line("a"), &line("b")]));
    let catalog = FsCatalog::new(root.path()).unwrap();
    assert_eq!(catalog.list().unwrap().len(), 2, "such lines are read");
    for tombstones in [
        "7",
        "{}",
        "[7]",
        r#"[{"path":"m"}]"#,
        r#"[{"path":7,"inode":1,"size":1,"modified":[1,1],"changed":[1,1]}]"#,
    ] {
        let head =
            format!(r#"{{"version":2,"generation":1,"tombstones":{tombstones},"entries":{{"#);
        is_refused(&sealed(&head, &[&line("a")]), tombstones);
    }
    let two = format!("{}}},{}", line("a"), line("b"));
    for (what, lines) in [
        ("an id twice", vec![line("a"), line("a")]),
        ("entries out of order", vec![line("b"), line("a")]),
        ("an empty id", vec![line("")]),
        ("two entries on a line", vec![two]),
        (
            "a line without an id",
            vec![r#"{"local_path":"m""#.to_owned()],
        ),
        ("an entry that is none", vec![r#""a":["m""#.to_owned()]),
        (
            "a field twice",
            vec![format!(r#"{},"lifecycle":"retired""#, line("a"))],
        ),
        (
            "another id inside",
            vec![format!(r#"{},"id":"b""#, line("a"))],
        ),
    ] {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        is_refused(&sealed(HEAD, &lines), what);
    }
}

/// CAT-422
#[test]
fn damage_under_an_open_catalog_is_noticed_and_never_overwritten() {
    let root = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(root.path()).unwrap();
    catalog.put(&entry("id", "m")).unwrap();
    let path = root.path().join("index.json");
    let good = fs::read(&path).unwrap();
    fs::write(&path, &good[..good.len() / 2]).unwrap();
    let codes = [
        catalog.get("id").unwrap_err().code(),
        catalog.list().unwrap_err().code(),
        catalog.put(&entry("id", "other")).unwrap_err().code(),
        catalog
            .set_state("id", LifecycleState::Retired)
            .unwrap_err()
            .code(),
        catalog.delete("id").unwrap_err().code(),
    ];
    assert_eq!(codes, ["index_damaged"; 5]);
    assert_eq!(fs::read(&path).unwrap(), &good[..good.len() / 2]);
    fs::write(&path, &good).unwrap();
    assert!(
        catalog.get("id").unwrap().is_some(),
        "restored, it is read again"
    );
}
