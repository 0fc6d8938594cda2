//! References to the hub.

use catalog_core::{ModelRef, ModelRefErrorKind as Kind};

use super::{fails, parse};

#[track_caller]
fn hf(text: &str, org: &str, repo: &str, path: Option<&str>) {
    let expected = ModelRef::Hf {
        org: org.to_owned(),
        repo: repo.to_owned(),
        path: path.map(str::to_owned),
    };
    assert_eq!(parse(text), expected, "{text:?}");
}

/// CAT-101
#[test]
fn a_hub_repository_is_read() {
    hf("hf:org/repo", "org", "repo", None);
    hf("hf:org/repo/", "org", "repo", None);
    hf("hf://org/repo", "org", "repo", None);
    hf("HF:org/repo", "org", "repo", None);
    hf(" \t hf:org/repo \n", "org", "repo", None);
    hf("hf:Org-1/re.po_2", "Org-1", "re.po_2", None);
    hf(
        "hf:org/repo/dir/file.gguf",
        "org",
        "repo",
        Some("dir/file.gguf"),
    );
    hf(
        "hf://org/repo/f%2e%2e.gguf",
        "org",
        "repo",
        Some("f%2e%2e.gguf"),
    );
    hf(
        "hf:org/repo/two words.gguf",
        "org",
        "repo",
        Some("two words.gguf"),
    );
    hf("hf:org/repo/dir@v1/f", "org", "repo", Some("dir@v1/f"));
}

/// CAT-102
#[test]
fn a_revision_is_read_and_split_off() {
    hf("hf:org/repo@main", "org", "repo@main", None);
    hf("hf:org/repo@v1.0/", "org", "repo@v1.0", None);
    hf("hf:org/repo@v1.0/a/b", "org", "repo@v1.0", Some("a/b"));
    hf(
        "hf:org/repo@feature%2Fx/a",
        "org",
        "repo@feature/x",
        Some("a"),
    );
    hf(
        "hf:org/repo@refs/pr/12/a",
        "org",
        "repo@refs/pr/12",
        Some("a"),
    );
    hf(
        "hf:org/repo@refs%2Fpr%2F12/a",
        "org",
        "repo@refs/pr/12",
        Some("a"),
    );
    hf(
        "hf:org/repo@refs/convert/parquet",
        "org",
        "repo@refs/convert/parquet",
        None,
    );
    let mr = parse("hf:org/repo@refs/pr/1/dir/f");
    let parts = mr.as_hf().unwrap();
    assert_eq!((parts.org, parts.name), ("org", "repo"));
    assert_eq!(
        (parts.revision, parts.path),
        (Some("refs/pr/1"), Some("dir/f"))
    );
    assert_eq!(parse("hf:org/repo").as_hf().unwrap().revision, None);
    assert_eq!(parse("/abs").as_hf(), None);

    for bad in [
        "", "a..b", "-x", ".x", "x.lock", "a b", "a~b", "a%2F%2Fb", "%2Fa", "a@b", "ü",
    ] {
        fails(
            &format!("hf:org/repo@{bad}"),
            |kind| matches!(kind, Kind::Revision(_)),
            12,
        );
    }
    fails(
        "hf:org/repo@refs/heads/main",
        |kind| matches!(kind, Kind::Revision(_)),
        12,
    );
    fails(
        "hf:org/repo@refs/pr/x",
        |kind| matches!(kind, Kind::Revision(_)),
        12,
    );
    fails(
        "hf:org/repo@a%2",
        |kind| matches!(kind, Kind::PercentEncoding),
        13,
    );
    fails("hf:org/repo@%ff", |kind| matches!(kind, Kind::NotUtf8), 12);
}

/// CAT-127
#[test]
fn a_tag_names_a_quantisation_and_excludes_a_path() {
    hf("hf:org/repo:q4_k_m", "org", "repo:Q4_K_M", None);
    hf("hf:org/repo:UD-Q4_K_XL/", "org", "repo:UD-Q4_K_XL", None);
    hf("hf:org/repo@v1:Q8_0", "org", "repo@v1:Q8_0", None);
    hf(
        "hf:org/repo@refs/pr/3:Q8_0",
        "org",
        "repo@refs/pr/3:Q8_0",
        None,
    );
    let mr = parse("hf:org/repo@a%2Fb:f16");
    let parts = mr.as_hf().unwrap();
    assert_eq!((parts.name, parts.revision), ("repo", Some("a/b")));
    assert_eq!((parts.quantisation, parts.path), (Some("F16"), None));
    assert_eq!(mr.id().unwrap(), "hf:org/repo@a%2Fb:F16");
    let built = ModelRef::Hf {
        org: "org".to_owned(),
        repo: "repo:f16".to_owned(),
        path: None,
    };
    assert_eq!(built.id().unwrap(), "hf:org/repo:F16");
    let tag = |kind: &Kind| matches!(kind, Kind::Quantisation(_));
    fails("hf:org/repo:", tag, 12);
    fails("hf:org/repo:-x", tag, 12);
    fails("hf:org/repo:Q4@v1", tag, 14);
    fails("hf:org/repo:Q4:Q8", tag, 14);
    fails("hf:org/repo:Q4/m.gguf", tag, 14);
    fails(&format!("hf:org/repo:{}", "x".repeat(65)), tag, 12);
}

/// CAT-103
#[test]
fn what_the_hub_could_not_hold_is_refused_with_its_place() {
    let missing = |kind: &Kind| matches!(kind, Kind::MissingRepository);
    fails("hf:", missing, 3);
    fails("hf:org", missing, 6);
    fails("hf:org/", missing, 7);
    fails("  hf:org", missing, 8);
    let empty = |kind: &Kind| matches!(kind, Kind::EmptyPart);
    fails("hf:/repo", empty, 3);
    fails("hf:///org/repo", empty, 5);
    fails("hf:org//path", empty, 7);
    fails("hf:org/repo//a", empty, 12);
    fails("hf:org/repo/a//b", empty, 14);
    fails("hf:org/repo/a/", empty, 14);
    let dots = |kind: &Kind| matches!(kind, Kind::DotPart);
    fails("hf:org/repo/..", dots, 12);
    fails("hf:org/repo/a/../b", dots, 14);
    fails("hf:org/repo/./b", dots, 12);
    let backslash = |kind: &Kind| matches!(kind, Kind::Backslash);
    fails("hf:org/repo/a\\b", backslash, 13);
    fails("hf:org\\x/repo", backslash, 6);
    let name = |kind: &Kind| matches!(kind, Kind::HubName(_));
    fails("hf:o rg/repo", name, 4);
    fails("hf:org/re?po", name, 9);
    fails("hf:-org/repo", name, 3);
    fails("hf:org./repo", name, 3);
    fails("hf:org/re--po", name, 7);
    fails("hf:../repo", name, 3);
    fails("hf:org/..", name, 7);
    fails("hf:org/repo.git", name, 7);
    fails("hf:org/模型", name, 7);
    fails(&format!("hf:org/{}", "x".repeat(97)), name, 7);
    fails(
        "hf:datasets/org/repo",
        |kind| matches!(kind, Kind::NotAModelRepository(_)),
        3,
    );
    let drive = |kind: &Kind| matches!(kind, Kind::Drive);
    fails("hf:org/repo/C:x/f", drive, 12);
    let long = |kind: &Kind| matches!(kind, Kind::LongPart);
    fails(&format!("hf:org/repo/{}/f", "x".repeat(256)), long, 12);
    // What Linux holds is a name, whatever other systems do with it.
    for name in ["CON", "prn.gguf", "a.", "a ", "ab:c", "a*", "a\""] {
        let path = format!("{name}/f");
        hf(&format!("hf:org/repo/{path}"), "org", "repo", Some(&path));
    }
    hf(
        "hf:org/repo/console/COM0x",
        "org",
        "repo",
        Some("console/COM0x"),
    );
}

/// CAT-113
#[test]
fn spellings_of_other_programs_are_answered_with_the_one_to_write() {
    for (text, reference) in [
        ("hf.co/org/repo:q4_k_m", "hf:org/repo:Q4_K_M"),
        ("huggingface.co/org/repo", "hf:org/repo"),
        ("HF.co/org/repo/blob/main/a/m.gguf", "hf:org/repo/a/m.gguf"),
        (
            "hf.co/org/repo/blob/refs%2Fpr%2F1/m.gguf",
            "hf:org/repo@refs/pr/1/m.gguf",
        ),
        ("hf.co/org/repo?token=hf_secret", "hf:org/repo"),
        (
            "hf.co/org/repo/discussions/1",
            "hf:org/repo, or hf:org/repo@revision/path",
        ),
        ("https://huggingface.co/org/repo", "hf:org/repo"),
        ("https://www.huggingface.co/org/repo/", "hf:org/repo"),
        ("https://hf.co/org/repo/tree/v1", "hf:org/repo@v1"),
        (
            "https://huggingface.co/org/repo/blob/main/two%20words.gguf?x=1#y",
            "hf:org/repo/two words.gguf",
        ),
    ] {
        let error = text.parse::<ModelRef>().unwrap_err();
        assert!(matches!(error.kind(), Kind::OtherSpelling(_)), "{text}");
        let error = error.to_string();
        assert!(error.contains(&format!("write {reference}")), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
    // A download is a URL, and a path that says so is a path.
    for text in [
        "https://huggingface.co/org/repo/resolve/main/m.gguf",
        "./hf.co/org/repo:Q4_K_M",
        "/hf.co/org/repo",
    ] {
        text.parse::<ModelRef>().unwrap();
    }
}
