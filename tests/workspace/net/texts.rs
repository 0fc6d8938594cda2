//! The names that come from a reference, and the texts that come from a server.

use std::fs;
use std::sync::Arc;

use catalog_core::FetchProblem;
use workspace_tests::web::Reply;

use super::{bytes, provision, server};

/// NET-142
#[test]
fn the_names_of_shards_are_escaped_in_their_urls() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    let shards = [bytes(1, 1 << 20), bytes(2, 1 << 20)];
    for (shard, number) in shards.iter().zip(1..) {
        let path = format!("/x/my%20model-0000{number}-of-00002.gguf");
        server.put(&path, Arc::clone(shard), Some("\"a\""));
    }
    let url = server.url("/x/my%20model-00001-of-00002.gguf");
    let report = provision(root.path(), &url).unwrap();
    let first = &report.resolved.local_path;
    assert!(first.ends_with("my model-00001-of-00002.gguf"), "{first:?}");
    assert_eq!(fs::read(first).unwrap(), shards[0][..]);
    let second = first.with_file_name("my model-00002-of-00002.gguf");
    assert_eq!(fs::read(second).unwrap(), shards[1][..]);
}

/// NET-144
#[test]
fn the_text_of_a_server_is_shown_in_part_and_never_for_a_signed_url() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    let text = format!("your licence\nhas ended {} the end", "x".repeat(1024));
    server.lie(move |_, _, _| Reply::new("403 Forbidden").body(text.as_bytes()));
    let plain = provision(root.path(), &server.url("/m.bin")).unwrap_err();
    assert_eq!(plain.code(), FetchProblem::AccessDenied.code(), "{plain}");
    let shown = plain.to_string();
    assert!(shown.contains("your licence has ended"), "{shown}");
    assert!(!shown.contains("the end"), "{shown}");
    let signed = provision(root.path(), &server.url("/m.bin?signature=abc")).unwrap_err();
    let shown = signed.to_string();
    assert_eq!(signed.code(), FetchProblem::AccessDenied.code(), "{shown}");
    assert!(!shown.contains("licence"), "{shown}");
}

/// NET-144
#[test]
fn a_server_that_repeats_the_credentials_does_not_put_them_into_an_error() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    server.lie(|_, request, _| {
        let sent = request.header("authorization").unwrap_or_default();
        let text = format!("Authorization: {sent} is not valid");
        Reply::new("403 Forbidden").body(text.as_bytes())
    });
    let url = server.url("/m.bin").replace("//", "//user:hush-hush@");
    let error = provision(root.path(), &url).unwrap_err();
    let shown = format!("{error} {error:?}");
    // `user:hush-hush`
    assert!(!shown.contains("dXNlcjpodXNoLWh1c2g"), "{shown}");
}

/// NET-144
#[test]
fn the_text_of_a_server_has_no_control_characters() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    server.lie(|_, _, _| Reply::new("403 Forbidden").body(*b"no \x1b[2J\x07 access"));
    let error = provision(root.path(), &server.url("/m.bin")).unwrap_err();
    let shown = error.to_string();
    assert!(!shown.contains(char::is_control), "{shown:?}");
}
