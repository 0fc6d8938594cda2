//! Spellings of one thing share an id, two things never do.

use std::fs;
use std::os::unix::fs::symlink;

use catalog_core::ModelRef;

#[track_caller]
pub(super) fn id(text: &str) -> String {
    match ModelRef::parse(text).and_then(|mr| mr.id()) {
        Ok(id) => id,
        Err(error) => panic!("{text:?} has an id, but: {error}"),
    }
}

#[track_caller]
fn share(id_of_all: &str, spellings: &[&str]) {
    for spelling in spellings {
        assert_eq!(id(spelling), id_of_all, "{spelling:?}");
    }
}

/// CAT-120
#[test]
fn spellings_of_a_hub_reference_share_its_id() {
    share(
        "hf:org/repo",
        &[
            "hf:org/repo",
            "hf:org/repo/",
            "hf://org/repo",
            " HF:org/repo\n",
        ],
    );
    share(
        "hf:org/repo@v1/a/b",
        &["hf:org/repo@v1/a/b", "hf://org/repo@v1/a/b"],
    );
    share(
        "hf:org/repo@refs/pr/1/a",
        &["hf:org/repo@refs/pr/1/a", "hf:org/repo@refs%2Fpr%2F1/a"],
    );
    share(
        "hf:org/repo@a%2Fb/c",
        &["hf:org/repo@a%2Fb/c", "hf:org/repo@a%2fb/c"],
    );
}

/// CAT-121
#[test]
fn spellings_of_a_url_share_its_id() {
    share(
        "https://host/a/b?x=1",
        &[
            "https://host/a/b?x=1",
            "HTTPS://HOST/a/b?x=1",
            "https://host.:443/a/b?x=1",
            "https://host:0443/a/./c/../b?x=1",
            "https://host/a/%62?x=1#frag",
            "https://user:pw@host/a/b?x=1&token=secret",
            "https://host/a/b?X-Amz-Date=1&x=1&X-Amz-Signature=ff",
        ],
    );
    share(
        "http://host/",
        &["http://host", "http://host:80", "http://host/.."],
    );
    share(
        "https://[::1]:8/%C3%A9",
        &["https://[0:0::1]:8/é", "https://[::1]:8/%c3%a9"],
    );
    share("https://h/a%2Fb", &["https://h/a%2fb"]);
    share("s3://bucket/a/../b%20c", &["S3://bucket/a/../b%20c"]);
    share("oci://reg:5/a:t", &["oci://REG:5/a:t"]);
    share(
        "https://acc.blob.example/c/m",
        &[
            "https://acc.blob.example/c/m?sv=1&se=2&sr=b&sp=r&sig=x",
            "https://acc.blob.example/c/m?sv=2&se=9&sr=b&sp=r&sig=y",
        ],
    );
}

/// CAT-122
#[test]
fn different_things_have_different_ids() {
    let things = [
        "hf:org/repo",
        "hf:org/repo@main",
        "hf:org/repo@main/a",
        "hf:org/repo/a",
        "hf:org/repo/A",
        "hf:org/repo@a%2Fb",
        "hf:org/repo@a/b",
        "hf:Org/repo",
        "file:hf:org/repo",
        "/org/repo",
        "https://h/a",
        "http://h/a",
        "https://h/a/",
        "https://h/A",
        "https://h:8/a",
        "https://h/a?x",
        "https://h/a?",
        "https://h/a?&x",
        "https://h/a?x&",
        "https://h/a?tokenizer=llama",
        "https://h/a?tokenizer=gpt2",
        "https://h/a?max_tokens=1",
        "https://h/a?max_tokens=2",
        "https://h/a?key=models/a.gguf",
        "https://h/a?key=models/b.gguf",
        "https://h/a?session=1",
        "https://h/a?policy=a&session=1",
        "https://h/a?policy=b&session=1",
        "share://h/a",
        "share://H/a",
        "share://h/a%20",
        "share://h/a?x",
        "share://h/a?key=models/a.gguf",
        "share://h/a?key=models/b.gguf",
        "share://h/a#x",
        "s3://bucket/k?key=1",
        "s3://bucket/k?key=2",
        "s3://bucket/k",
        "s3://bucket/k?",
        "s3://bucket/k#a",
        "s3://bucket/k?x-amz-y=1",
        "s3://bucket/k?x-amz-y=2",
        "https://h/a?x=1",
        "https://h/a?x=2",
        "https://h/a?x=1&x=2",
        "https://h/a%2Fb",
        "https://h/a/b",
        "https://h/a%3Fx",
        "https://h/a?se=1",
        "s3://bucket/a",
        "s3://bucket/A",
        "s3://bucket//a",
        "s3://bucket/%61",
        "s3://bucket/./a",
        "oci://h/a",
        "oci://h/a:t",
        "oci://h/a:T",
    ];
    let mut ids: Vec<String> = things.iter().map(|thing| id(thing)).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), things.len());
}

/// CAT-123
#[test]
fn spellings_of_a_path_share_its_id() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().canonicalize().unwrap();
    let text = |path: &str| base.join(path).to_str().unwrap().to_owned();
    fs::create_dir_all(base.join("real/sub")).unwrap();
    fs::write(base.join("real/m.gguf"), b"").unwrap();
    fs::write(base.join("m.gguf"), b"").unwrap();
    symlink("real/sub", base.join("link")).unwrap();
    symlink("m.gguf", base.join("real/alias-00001-of-00002.gguf")).unwrap();

    let model = format!("file:{}", text("real/m.gguf"));
    share(
        &model,
        &[
            &text("real/m.gguf"),
            &format!("file:{}", text("real/m.gguf")),
            &format!("file://{}", text("real/m.gguf")),
            &format!("file://localhost{}", text("real/m%2Egguf")),
            &text("real/./sub//../m.gguf"),
            &text("link/../m.gguf"),
            &text("not/there/../../real/m.gguf"),
        ],
    );
    assert_ne!(
        id(&text("m.gguf")),
        model,
        "`link/..` is where the link leads, not where it lies"
    );
    let alias = text("real/alias-00001-of-00002.gguf");
    share(&format!("file:{alias}"), &[&alias]);
    share(
        &format!("file:{}", text("link")),
        &[&text("link"), &text("link/"), &text("link/.")],
    );

    let here = std::env::current_dir().unwrap().canonicalize().unwrap();
    let relative = format!("file:{}", here.join("rel/m").display());
    share(
        &relative,
        &["rel/m", "./rel/m", "file:rel/m", "rel/../rel/m"],
    );
}

/// CAT-126
#[test]
fn an_id_is_its_own_id_where_fuzzing_found_that_it_was_not() {
    for text in [
        "https://u:p@h.example:444/https://u:pa@h-",
        "https://h//f@/$@//fop$@h:8f",
        "https://h//fop$@/-fop$@h:8p@higy#f",
        "https://h//./u@x/..//y@z",
        "https://h?to=~T/creds\u{4b10}****oYn=e&x=2",
        "https://h/dl?key=a&code=b;c",
    ] {
        let first = id(text);
        assert_eq!(id(&first), first, "{text}");
    }
}

/// CAT-123
#[test]
fn an_id_of_a_path_is_read_back_as_that_path() {
    for text in ["/srv/plain", "file:///srv/trailing%20", "/srv/per%20cent"] {
        let first = id(text);
        assert_eq!(id(&first), first, "{text}");
    }
}

/// CAT-123
#[test]
fn a_path_that_cannot_be_resolved_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().canonicalize().unwrap();
    symlink("b", base.join("a")).unwrap();
    symlink("a", base.join("b")).unwrap();
    let path = base.join("a/model.gguf");
    let error = ModelRef::File { path: path.clone() }.id().unwrap_err();
    assert_eq!(error.code(), "io");
    assert!(
        error.to_string().contains(path.to_str().unwrap()),
        "{error}"
    );
}

/// CAT-124
#[test]
fn a_literal_that_no_text_could_make_has_no_id() {
    let hf = |org: &str, repo: &str, path: Option<&str>| ModelRef::Hf {
        org: org.to_owned(),
        repo: repo.to_owned(),
        path: path.map(str::to_owned),
    };
    let path = |text: &str| ModelRef::File { path: text.into() };
    let url = |text: &str| ModelRef::Url {
        url: text.to_owned(),
    };
    for (literal, code) in [
        (hf("..", "repo", None), "invalid_ref"),
        (hf("a/b", "repo", None), "invalid_ref"),
        (hf("org", "repo/x", None), "invalid_ref"),
        (hf("org", "repo@", None), "invalid_ref"),
        (hf("org", "repo", Some("../x")), "invalid_ref"),
        (hf("org", "repo", Some("")), "invalid_ref"),
        (hf(" org", "repo", None), "invalid_ref"),
        (hf("org", "repo ", None), "invalid_ref"),
        (path(""), "path_refused"),
        (path("a\0b"), "path_refused"),
        (url(""), "invalid_ref"),
        (url("docker://host/x"), "invalid_ref"),
        (url("hf://org/repo"), "invalid_ref"),
        (url("file:///x"), "invalid_ref"),
        (url("https://host/a b"), "invalid_ref"),
        (url("https://host/a\0"), "invalid_ref"),
        (url(" https://host/a"), "invalid_ref"),
    ] {
        let error = literal.id().expect_err("it is no reference");
        assert_eq!(error.code(), code, "{literal:?}: {error}");
    }
}
