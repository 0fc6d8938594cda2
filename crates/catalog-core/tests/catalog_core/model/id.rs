//! Spellings of one thing share an id, two things never do.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use catalog_core::ModelRef;
use proptest::prelude::*;

#[track_caller]
fn id(text: &str) -> String {
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
        (url("ftp://host/x"), "invalid_ref"),
        (url("https://host/a b"), "invalid_ref"),
        (url("https://host/a\0"), "invalid_ref"),
        (url(" https://host/a"), "invalid_ref"),
    ] {
        let error = literal.id().expect_err("it is no reference");
        assert_eq!(error.code(), code, "{literal:?}: {error}");
    }
}

/// A few files, folders and links, and random ways to walk among them.
fn walks() -> impl Strategy<Value = String> {
    let step = prop_oneof![
        "d", "e", "up", "self", "x", "\\.\\.", "\\.", "d/e", "to_f", "gone"
    ];
    prop::collection::vec(step, 1..7).prop_map(|steps| steps.join("/"))
}

fn playground(base: &Path) {
    fs::create_dir_all(base.join("d/e")).unwrap();
    fs::create_dir_all(base.join("e")).unwrap();
    for file in ["x", "d/x", "d/e/x", "e/x"] {
        fs::write(base.join(file), file).unwrap();
    }
    symlink("..", base.join("d/up")).unwrap();
    symlink(".", base.join("d/self")).unwrap();
    symlink("d/e", base.join("up")).unwrap();
    symlink("x", base.join("d/to_f")).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// CAT-125: the kernel is the judge of what is one file.
    #[test]
    fn paths_share_an_id_if_they_are_one_name_of_one_folder(walks in prop::collection::vec(walks(), 24)) {
        use std::os::unix::fs::MetadataExt;

        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().canonicalize().unwrap();
        playground(&base);
        // What a path names, by the kernel: its folder's inode and the name in it.
        let named = |path: &Path| {
            let name = path.file_name()?;
            let last = path.components().next_back();
            let is_name = matches!(last, Some(std::path::Component::Normal(_)));
            let folder = fs::metadata(path.parent()?).ok().filter(|m| m.is_dir())?;
            is_name.then(|| (folder.dev(), folder.ino(), name.to_owned()))
        };
        let mut seen = Vec::new();
        for walk in &walks {
            let path = base.join(walk);
            if let Some(named) = named(&path) {
                seen.push((named, id(path.to_str().unwrap()), walk));
            }
        }
        for (a, id_a, walk_a) in &seen {
            for (b, id_b, walk_b) in &seen {
                prop_assert_eq!(a == b, id_a == id_b, "{} and {}", walk_a, walk_b);
            }
        }
    }

    /// CAT-126: random URLs, made from parts and spelled in two ways.
    #[test]
    fn urls_share_an_id_if_they_have_the_same_parts(
        a in parts(), b in parts(), spell_a in any::<u8>(), spell_b in any::<u8>(),
    ) {
        let (id_a, id_b) = (id(&spell(&a, spell_a)), id(&spell(&b, spell_b)));
        prop_assert_eq!(a == b, id_a == id_b, "{} and {}", spell(&a, spell_a), spell(&b, spell_b));
        prop_assert_eq!(id(&spell(&a, spell_a)), id(&spell(&a, spell_b)));
        prop_assert_eq!(id(&id_a), id_a, "an id is its own spelling");
    }
}

type UrlParts = (bool, String, Option<u16>, String, Option<String>);

fn parts() -> impl Strategy<Value = UrlParts> {
    let host = "[a-b]{1,2}(\\.[a-b])?";
    let port = prop::option::of(prop_oneof![Just(8080u16), Just(1u16)]);
    let path = "(/[a-b~]{1,2}){1,2}/?";
    (
        any::<bool>(),
        host,
        port,
        path,
        prop::option::of("[a-b]=[a-b]{0,1}"),
    )
}

fn spell((is_tls, host, port, path, query): &UrlParts, how: u8) -> String {
    let bit = |number: u8| how & (1 << number) != 0;
    let scheme = if *is_tls { "https" } else { "http" };
    let scheme = if bit(0) {
        scheme.to_uppercase()
    } else {
        scheme.to_owned()
    };
    let userinfo = if bit(1) { "user:pw@" } else { "" };
    let host = if bit(2) {
        host.to_uppercase()
    } else {
        host.clone()
    };
    let own_port = if *is_tls { ":443" } else { ":80" };
    let port = match port {
        Some(port) => format!(":{port}"),
        None => {
            if bit(3) {
                own_port.to_owned()
            } else {
                String::new()
            }
        }
    };
    let path = if bit(4) {
        path.replace('a', "%61").replace('~', "%7e")
    } else {
        path.clone()
    };
    let path = if bit(5) {
        format!("/./q/..{path}")
    } else {
        path
    };
    let mut query = query.clone().unwrap_or_default();
    if bit(6) {
        query = format!("X-Amz-Signature=00&{query}");
    }
    let query = if query.is_empty() {
        query
    } else {
        format!("?{query}")
    };
    let fragment = if bit(7) { "#f" } else { "" };
    format!("{scheme}://{userinfo}{host}{port}{path}{query}{fragment}")
}
