//! The grammar of `ModelRef`, a fact a line.

use catalog_core::{ModelRef, ModelRefErrorKind as Kind};

#[track_caller]
fn parse(text: &str) -> ModelRef {
    match ModelRef::parse(text) {
        Ok(mr) => mr,
        Err(error) => panic!("{text:?} is a reference, but: {error}"),
    }
}

/// The position of the error, which must be of a kind that `expected` takes.
#[track_caller]
fn fails(text: &str, expected: impl Fn(&Kind) -> bool, position: usize) {
    let error = match text.parse::<ModelRef>() {
        Ok(mr) => panic!("{text:?} is no reference, but was read as {mr:?}"),
        Err(error) => error,
    };
    assert!(
        expected(error.kind()),
        "{text:?} fails with another kind: {error}"
    );
    assert_eq!(error.position(), position, "{text:?}: {error}");
}

#[track_caller]
fn hf(text: &str, org: &str, repo: &str, path: Option<&str>) {
    let expected = ModelRef::Hf {
        org: org.to_owned(),
        repo: repo.to_owned(),
        path: path.map(str::to_owned),
    };
    assert_eq!(parse(text), expected, "{text:?}");
}

#[track_caller]
fn file(text: &str, path: &str) {
    match parse(text) {
        // As text, for paths compare equal that are spelled differently.
        ModelRef::File { path: found } => assert_eq!(found.to_str(), Some(path), "{text:?}"),
        other => panic!("{text:?} was read as {other:?}"),
    }
}

#[track_caller]
fn url(text: &str) {
    let expected = ModelRef::Url {
        url: text.trim().to_owned(),
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
        "", "a..b", "-x", ".x", "x.lock", "a b", "a~b", "a:b", "a%2F%2Fb", "%2Fa", "a@b", "ü",
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
    let unportable = |kind: &Kind| matches!(kind, Kind::UnportableName(_));
    for bad in [
        "CON",
        "prn.gguf",
        "COM1.txt",
        "com¹",
        "NUL",
        "a.",
        "a ",
        "a:b",
        "a*",
        "a\"",
        &"x".repeat(256),
    ] {
        fails(&format!("hf:org/repo/{bad}/f"), unportable, 12);
    }
    hf(
        "hf:org/repo/console/COM0x",
        "org",
        "repo",
        Some("console/COM0x"),
    );
}

/// CAT-104
#[test]
fn a_local_path_is_read() {
    file("file:/abs/m.gguf", "/abs/m.gguf");
    file("file:///abs/m.gguf", "/abs/m.gguf");
    file("file://localhost/abs/m.gguf", "/abs/m.gguf");
    file("FILE://LOCALHOST/abs", "/abs");
    file("file:rel/m.gguf", "rel/m.gguf");
    file("rel/path", "rel/path");
    file("./x", "./x");
    file("../x", "../x");
    file("/abs", "/abs");
    file("C:\\x", "C:\\x");
    file("C:/x", "C:/x");
    file("  two words.gguf ", "two words.gguf");
    file("hf", "hf");
    file("a:b", "a:b");
    file("./hf:x", "./hf:x");
    file("./dir/x://y", "./dir/x://y");
    file("/x://y", "/x://y");
    file("file:x://y", "x://y");
    file("file:///a%20b%2525", "/a b%25");
    file("file:///a/%252e%252e/b", "/a/%2e%2e/b");
    file("file:/a%20b", "/a%20b");
    file("/a%20b", "/a%20b");
    file("file:///a?b#c", "/a?b#c");

    fails("file:", |kind| matches!(kind, Kind::Missing(_)), 5);
    fails("file://", |kind| matches!(kind, Kind::Missing(_)), 7);
    fails(
        "file://localhost",
        |kind| matches!(kind, Kind::Missing(_)),
        16,
    );
    fails(
        "file://host/abs",
        |kind| matches!(kind, Kind::RemoteFileHost),
        7,
    );
    fails(
        "file:///a%2",
        |kind| matches!(kind, Kind::PercentEncoding),
        9,
    );
    fails(
        "file:///a%zz",
        |kind| matches!(kind, Kind::PercentEncoding),
        9,
    );
    fails("file:///%ff", |kind| matches!(kind, Kind::NotUtf8), 7);
    fails(
        "file:///a%00b",
        |kind| matches!(kind, Kind::ControlCharacter('\0')),
        7,
    );
    fails(
        "file:///a%0ab",
        |kind| matches!(kind, Kind::ControlCharacter('\n')),
        7,
    );
}

/// CAT-105
#[test]
fn a_url_is_read_with_its_host_and_required_parts_checked() {
    url("https://host/m.gguf");
    url("http://host:8080/m.gguf?x=1#frag");
    url("https://user:pw@host/m");
    url("https://[::1]:8443/m");
    url("HTTPS://Host.Example./m");
    url("https://host");
    url("s3://bucket/key");
    url("s3://my.bucket-1//dir/../key%zz?x");
    url("oci://registry.example:5000/org/repo");
    url("oci://ghcr.io/org/repo:v1.0");
    url(&format!("oci://localhost/repo@sha256:{}", "0".repeat(64)));
    url(&format!(
        "oci://ghcr.io/a__b/c-d.e:tag@sha512:{}",
        "0".repeat(128)
    ));

    let missing = |kind: &Kind| matches!(kind, Kind::Missing(_));
    fails("https://", missing, 8);
    fails("https:///m", missing, 8);
    fails("https://user@/m", missing, 13);
    fails("https://?x", missing, 8);
    fails("s3://", missing, 5);
    fails("s3:///key", missing, 5);
    fails("s3://bucket", missing, 11);
    fails("s3://bucket/", missing, 11);
    fails("oci://", missing, 6);
    fails("oci://registry", missing, 14);
    fails("oci://registry/", missing, 15);
    fails("oci://registry/:tag", missing, 15);
    let authority = |kind: &Kind| matches!(kind, Kind::Authority(_));
    fails("https://ho_st,/m", authority, 8);
    fails("https://host..x/m", authority, 8);
    fails("https://hôst/m", authority, 8);
    fails("https://host:/m", authority, 13);
    fails("https://host:65536/m", authority, 13);
    fails("https://host:8o/m", authority, 13);
    fails("https://[::1/m", authority, 8);
    fails("https://[host]/m", authority, 8);
    fails("s3://Bucket/key", authority, 5);
    fails("s3://ab/key", authority, 5);
    fails("s3://-bucket/key", authority, 5);
    fails("s3://key:secret@bucket/key", authority, 5);
    fails("oci://u:p@registry/repo", authority, 6);
    let oci = |kind: &Kind| matches!(kind, Kind::Oci(_));
    fails("oci://registry/Repo", oci, 15);
    fails("oci://registry/a//b", oci, 15);
    fails("oci://registry/../b", oci, 15);
    fails("oci://registry/repo:", oci, 20);
    fails("oci://registry/repo:.x", oci, 20);
    fails("oci://registry/repo@sha256:abc", oci, 20);
    fails("oci://registry/repo@md5:00", oci, 20);
    fails("oci://registry/repo?x", oci, 15);
    let slashes = |kind: &Kind| matches!(kind, Kind::MissingSlashes(_));
    fails("https:host/m", slashes, 6);
    fails("http:/host/m", slashes, 5);
    fails("s3:bucket/key", slashes, 3);
    fails(
        "https://host/%zz",
        |kind| matches!(kind, Kind::PercentEncoding),
        13,
    );
    fails(
        "https://good\\@evil/m",
        |kind| matches!(kind, Kind::Backslash),
        12,
    );
    let space = |kind: &Kind| matches!(kind, Kind::WhiteSpaceInUrl);
    fails("https://host/a b", space, 14);
    fails("s3://bucket/a\u{3000}b", space, 13);
    fails("oci://registry /repo", space, 14);
}

/// CAT-106
#[test]
fn another_scheme_is_unsupported_and_the_supported_ones_are_named() {
    for text in [
        "ftp://host/x",
        "ollama://llama3",
        "git+ssh://host/x",
        "x-y.z://",
    ] {
        fails(text, |kind| matches!(kind, Kind::UnsupportedScheme(_)), 0);
    }
    let error = ModelRef::parse("FTP://user:pw@host/x").unwrap_err();
    assert_eq!(error.code(), "unsupported_scheme");
    let message = error.to_string();
    for word in [
        "`ftp`", "hf:", "file:", "http://", "https://", "s3://", "oci://",
    ] {
        assert!(message.contains(word), "{message:?} names {word}");
    }
    assert!(!message.contains("pw"), "{message:?}");
}

/// CAT-112
#[test]
fn a_text_with_a_url_in_it_is_not_taken_for_a_path() {
    let looks_like_url = |kind: &Kind| matches!(kind, Kind::LooksLikeUrl);
    for text in [
        "\"https://u:secret@h/m\"",
        "<https://h/m?token=secret>",
        "\u{feff}https://u:secret@h/m",
        "url=https://u:secret@h",
        "my_s://u:secret@h",
        "dir/x://y",
    ] {
        fails(text, looks_like_url, 0);
    }
    let too_long = |kind: &Kind| matches!(kind, Kind::TooLong);
    fails(&format!("https://h/{}", "a".repeat(8192)), too_long, 8202);
    fails(&"a".repeat(8193), too_long, 8193);
    // Each of these bytes is printed as three.
    fails(&format!("//{}", "%".repeat(4000)), too_long, 4002);
}

/// CAT-107
#[test]
fn blank_text_and_control_characters_are_refused_everywhere() {
    for text in ["", " ", "\t\n", "\u{3000}"] {
        fails(text, |kind| matches!(kind, Kind::Empty), 0);
    }
    for prefix in [
        "hf:org/repo/a",
        "file:/a",
        "rel",
        "https://host/a",
        "s3://bucket/a",
    ] {
        for character in ['\0', '\n', '\u{7f}', '\u{85}', '\u{1b}'] {
            let text = format!("{prefix}{character}b");
            let is_it = |kind: &Kind| *kind == Kind::ControlCharacter(character);
            fails(&text, is_it, prefix.len());
        }
    }
}
