//! The bytes that an earlier call left.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use catalog_core::{FetchProblem, FsCatalog, ModelRef, StoreOptions};
use model_fetchers::HttpFetcher;
use model_provisioner::{ModelProvisioner, ProvisionRequest};
use workspace_tests::web::{Gate, Reply, WebServer};

use super::{bytes, ending, network, provisioner, server, sha256};

/// Fails a call after its first two parts. Returns their size.
fn fetch_two_parts(server: &WebServer, request: &ProvisionRequest, root: &Path) -> u64 {
    server.lie(|number, _, reply| match number {
        0 | 1 => reply,
        _ => Reply::new("404 Not Found"),
    });
    let one_by_one = provisioner(root, network().connections(1));
    let error = one_by_one.provision(request).unwrap_err();
    assert_eq!(error.code(), FetchProblem::FileNotFound.code(), "{error}");
    let second = server.requests()[1].range(usize::MAX);
    server.be_honest();
    second.unwrap().1 as u64
}

/// NET-135
#[test]
fn kept_bytes_beyond_the_end_of_a_file_are_an_error_and_then_removed() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    let content = bytes(1, 4 << 20);
    server.put("/m.bin", Arc::clone(&content), Some("\"a\""));
    let url = server.url("/m.bin");
    // No honest server causes this: the size is a part of the version of a file.
    let catalog = FsCatalog::new(root.path()).unwrap();
    let id = ModelRef::parse(&url).unwrap().id().unwrap();
    let mut staging = catalog.artifacts().stage(&id.parse().unwrap(), 0).unwrap();
    let version = format!("etag \"a\" size {}", content.len());
    let mut kept = staging.resumable("m.bin", &version).unwrap();
    let more = bytes(2, 8 << 20);
    kept.writer().write_at(&more, 0).unwrap();
    kept.hash(&more);
    kept.writer().keep(kept.prefix()).unwrap();
    drop((kept, staging));
    let fetch = || provisioner(root.path(), network()).provision(&ending(&url));
    let error = fetch().unwrap_err();
    assert_eq!(error.code(), FetchProblem::SourceChanged.code(), "{error}");
    let report = fetch().unwrap();
    assert_eq!(report.digest, Some(sha256(&content)));
    assert_eq!(report.bytes.resumed, 0);
}

/// NET-135
#[test]
fn kept_bytes_are_not_used_for_a_file_of_another_size() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    let content = bytes(3, 20 << 20);
    server.put("/m.bin", Arc::clone(&content), None);
    let request = || ending(&server.url("/m.bin")).expecting(sha256(&content));
    fetch_two_parts(&server, &request(), root.path());
    server.put("/m.bin", bytes(4, 1 << 20), None);
    let fetch = || provisioner(root.path(), network()).provision(&request());
    let error = fetch().unwrap_err();
    assert_eq!(error.code(), "digest_mismatch", "{error}");
    server.put("/m.bin", Arc::clone(&content), None);
    let report = fetch().unwrap();
    assert_eq!(report.digest, Some(sha256(&content)));
}

/// NET-138
#[test]
fn a_resumed_file_needs_no_room_for_the_bytes_that_are_here() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    let content = bytes(5, 20 << 20);
    server.put("/m.bin", Arc::clone(&content), Some("\"a\""));
    let kept = fetch_two_parts(&server, &ending(&server.url("/m.bin")), root.path());
    // The file, and the small files of its staging area.
    let options = StoreOptions::default().budget(content.len() as u64 + (256 << 10));
    let catalog = FsCatalog::open(root.path(), options).unwrap();
    let fetcher = HttpFetcher::new(catalog.artifacts(), network()).unwrap();
    let provisioner = ModelProvisioner::new(catalog, fetcher);
    let report = provisioner
        .provision(&ending(&server.url("/m.bin")))
        .unwrap();
    assert_eq!(report.bytes.resumed, kept);
    assert_eq!(report.digest, Some(sha256(&content)));
    server.put("/n.bin", bytes(6, 1 << 20), Some("\"a\""));
    let error = provisioner
        .provision(&ending(&server.url("/n.bin")))
        .unwrap_err();
    assert_eq!(
        error.code(),
        "no_space",
        "the budget holds one file: {error}"
    );
}

/// NET-157
#[test]
fn a_failed_sync_ends_the_call_at_once() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    server.put("/m.bin", bytes(1, 20 << 20), Some("\"a\""));
    let staging = root.path().join("staging");
    let never = Gate::default();
    let held = never.clone();
    server.lie(move |number, _, reply| match number {
        0 => {
            // A folder at this place makes each write of the journal fail.
            let areas = fs::read_dir(&staging).unwrap().flatten();
            for area in areas.filter(|area| area.path().is_dir()) {
                fs::create_dir_all(area.path().join(".journal.json.new/x")).unwrap();
            }
            reply
        }
        _ => {
            held.wait();
            reply
        }
    });
    let config = network().connections(1).journal_step(1 << 20);
    let outcome = provisioner(root.path(), config).provision(&ending(&server.url("/m.bin")));
    never.open();
    let error = outcome.unwrap_err();
    assert_eq!(error.code(), "io", "{error}");
}
