//! Spellings of one thing share an id, two things never do: random ones.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use proptest::prelude::*;

use super::id::id;

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
