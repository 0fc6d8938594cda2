//! References to local files.

use catalog_core::{ModelRef, ModelRefErrorKind as Kind};

use super::{fails, parse};

#[track_caller]
fn file(text: &str, path: &str) {
    match parse(text) {
        // As text, for paths compare equal that are spelled differently.
        ModelRef::File { path: found } => assert_eq!(found.to_str(), Some(path), "{text:?}"),
        other => panic!("{text:?} was read as {other:?}"),
    }
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
