//! What proves fetched bytes besides digests, and what a manifest keeps of the answers.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use catalog_core::{Basis, VerificationOutcomeKind};
use model_provisioner::{Freshness, Policy, ProvisionReport, Unverified};
use workspace_tests::web::{Reply, WebServer};

use super::{bytes, network, provision, provisioner, request, server, sha256};

/// NET-101
#[test]
fn the_digest_of_a_caller_a_fragment_or_a_header_proves_the_bytes() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    let content = bytes(2, 1 << 20);
    let digest = sha256(&content);
    for name in ["/a.bin", "/b.bin", "/c.bin", "/d.bin"] {
        server.put(
            name,
            [&content[..], name.as_bytes()].concat(),
            Some("\"a\""),
        );
    }
    let of = |name: &str| sha256(&[&content[..], name.as_bytes()].concat());
    let by_caller = provisioner(root.path(), network())
        .provision(&request(&server.url("/a.bin")).expecting(of("/a.bin")))
        .unwrap();
    assert_eq!(by_caller.assurance.basis, Basis::Caller);
    let fragment = format!("{}#sha256={}", server.url("/b.bin"), of("/b.bin").value);
    let by_fragment = provision(root.path(), &fragment).unwrap();
    assert_eq!(by_fragment.assurance.basis, Basis::Caller);
    assert_eq!(
        by_fragment.resolved.id,
        server.url("/b.bin"),
        "it is no part of the id"
    );
    let hash = hex::decode(of("/c.bin").value).unwrap();
    let header = format!("sha-256=:{}:", BASE64_STANDARD.encode(hash));
    server.lie(move |_, _, reply| reply.with("Repr-Digest", &header));
    let strict = provisioner(root.path(), network())
        .with_policy(Policy::default().unverified(Unverified::Refuse))
        .unwrap();
    let by_header = strict.provision(&request(&server.url("/c.bin"))).unwrap();
    assert_eq!(by_header.assurance.basis, Basis::SourceHash);
    assert_eq!(by_header.outcome.kind, VerificationOutcomeKind::Pass);
    let wrong = strict
        .provision(&request(&server.url("/d.bin")))
        .unwrap_err();
    assert_eq!(wrong.code(), "digest_mismatch", "{wrong}");
    server.be_honest();
    let url = format!("{}#sha256={}", server.url("/d.bin"), digest.value);
    let both = request(&url).expecting(of("/d.bin"));
    let conflict = provisioner(root.path(), network())
        .provision(&both)
        .unwrap_err();
    assert_eq!(conflict.code(), "conflicting_digests", "{conflict}");
    assert_eq!(server.requests().len(), 0, "nothing was asked");
    for fragment in [
        "sha256=zz",
        "sha256:00",
        "SHA256=00",
        "md5=00",
        "sha-512=00",
    ] {
        let malformed = provision(root.path(), &format!("{}#{fragment}", server.url("/d.bin")));
        assert_eq!(
            malformed.unwrap_err().code(),
            "invalid_digest",
            "{fragment}"
        );
    }
}

/// NET-102
#[test]
fn revalidation_costs_one_request_and_fetches_only_what_changed() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    let (now, later) = (bytes(3, 1 << 20), bytes(4, 1 << 20));
    server.put("/m.bin", Arc::clone(&now), Some("\"a\""));
    let url = server.url("/m.bin");
    let revalidate = || {
        server.be_honest();
        let report = provisioner(root.path(), network())
            .provision(&request(&url).freshness(Freshness::Revalidate));
        (report.unwrap(), server.requests().len())
    };
    provision(root.path(), &url).unwrap();
    let (report, requests) = revalidate();
    assert_eq!(
        (report.bytes.fetched, requests),
        (0, 1),
        "304: nothing moves"
    );
    server.put("/m.bin", Arc::clone(&later), Some("\"b\""));
    let (report, _) = revalidate();
    assert_eq!(report.digest, Some(sha256(&later)));
    server.put("/n.bin", Arc::clone(&now), None);
    let url = server.url("/n.bin");
    provision(root.path(), &url).unwrap();
    let again = |expected| {
        let request = request(&url).freshness(Freshness::Revalidate);
        let request = request.expecting(expected);
        provisioner(root.path(), network())
            .provision(&request)
            .unwrap()
    };
    let fetched = again(None).bytes.fetched;
    assert_eq!(
        fetched,
        now.len() as u64,
        "without a validator it is fetched again"
    );
    again(Some(sha256(&now)));
    let pinned = again(None).bytes;
    assert_eq!(pinned.fetched, 0, "a pinned digest needs no validator");
}

/// NET-150
#[test]
fn a_checksum_of_the_server_is_compared_and_a_wrong_one_keeps_no_byte() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    // The CRC32C of these bytes is published.
    let (content, right) = (b"123456789".as_slice(), "4waSgw==");
    server.put("/m.bin", content, Some("\"a\""));
    server.lie(|_, _, reply| reply.with("x-goog-hash", "crc32c=AAAAAA==,md5=AAAA"));
    let url = server.url("/m.bin");
    let wrong = provision(root.path(), &url).unwrap_err();
    assert_eq!(wrong.code(), "digest_mismatch", "{wrong}");
    assert!(wrong.to_string().contains(right), "{wrong}");
    server.lie(move |_, _, reply| reply.with("x-goog-hash", format!("crc32c={right}")));
    let report = provision(root.path(), &url).unwrap();
    assert_eq!(report.bytes.resumed, 0, "wrong bytes are not kept");
    assert_eq!(report.assurance.basis, Basis::SourceChecksum);
    assert_eq!(report.outcome.kind, VerificationOutcomeKind::Warn);
    assert_eq!(report.digest, Some(sha256(content)));
}

/// NET-151
#[test]
fn a_page_passes_if_a_digest_proves_it_or_its_name_says_so() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    let page = b"<!doctype html><title>weights</title>".as_slice();
    let json = b"{\"error\": \"none\"}".as_slice();
    for (path, content) in [("/m.bin", page), ("/m.html", page), ("/m.json", json)] {
        server.put(path, content, Some("\"a\""));
    }
    let refused = provision(root.path(), &server.url("/m.bin")).unwrap_err();
    assert_eq!(refused.code(), "format_refused", "{refused}");
    let named = |content| format!("{}#sha256={}", server.url("/m.bin"), sha256(content).value);
    let wrong = provision(root.path(), &named(json)).unwrap_err();
    assert_eq!(
        wrong.code(),
        "format_refused",
        "the cause is named: {wrong}"
    );
    provision(root.path(), &named(page)).unwrap();
    provision(root.path(), &server.url("/m.html")).unwrap();
    provision(root.path(), &server.url("/m.json")).unwrap();
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n".as_slice();
    server.put("/p.bin", pointer, Some("\"a\""));
    let url = format!("{}#sha256={}", server.url("/p.bin"), sha256(pointer).value);
    let refused = provision(root.path(), &url).unwrap_err();
    assert_eq!(
        refused.code(),
        "format_refused",
        "a pointer is never a model"
    );
}

/// NET-152
#[test]
fn equal_bytes_under_a_new_tag_are_fetched_once_more_and_not_again() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    let content = bytes(3, 1 << 20);
    server.put("/m.bin", Arc::clone(&content), Some("\"a\""));
    let url = server.url("/m.bin");
    let revalidate = || -> ProvisionReport {
        let request = request(&url).freshness(Freshness::Revalidate);
        provisioner(root.path(), network())
            .provision(&request)
            .unwrap()
    };
    let leased = provision(root.path(), &url).unwrap();
    server.put("/m.bin", Arc::clone(&content), Some("\"b\""));
    let all = content.len() as u64;
    assert_eq!(revalidate().bytes.fetched, all);
    let again = revalidate();
    assert_eq!(
        again.bytes.fetched, all,
        "a manifest with a lease is not replaced"
    );
    drop((leased, again));
    assert_eq!(revalidate().bytes.fetched, all);
    assert_eq!(
        revalidate().bytes.fetched,
        0,
        "the manifest has the new tag"
    );
}

/// Fetches the first two parts of a file and fails.
fn fetch_two_parts(server: &WebServer, root: &Path, url: &str) {
    server.lie(|number, _, reply| match number {
        0 | 1 => reply,
        _ => Reply::new("404 Not Found"),
    });
    let one_by_one = provisioner(root, network().connections(1));
    one_by_one.provision(&request(url)).unwrap_err();
    server.be_honest();
}

/// NET-153
#[test]
fn kept_bytes_that_have_rotted_are_fetched_again() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    let content = bytes(6, 20 << 20);
    server.put("/m.bin", Arc::clone(&content), Some("\"a\""));
    let url = server.url("/m.bin");
    fetch_two_parts(&server, root.path(), &url);
    let area = fs::read_dir(root.path().join("staging")).unwrap().next();
    let partial = area.unwrap().unwrap().path().join("artifact/files/m.bin");
    let file = fs::OpenOptions::new().write(true).open(partial).unwrap();
    file.write_all_at(b"rot", 5 << 20).unwrap();
    let report = provision(root.path(), &url).unwrap();
    assert_eq!(report.digest, Some(sha256(&content)));
    assert_eq!(report.bytes.resumed, 0);
}

/// NET-153
#[test]
fn wrong_bytes_of_an_earlier_call_do_not_fail_the_next_one() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    let (content, wrong) = (bytes(6, 20 << 20), bytes(7, 20 << 20));
    let url = format!("{}#sha256={}", server.url("/m.bin"), sha256(&content).value);
    server.put("/m.bin", wrong, Some("\"a\""));
    fetch_two_parts(&server, root.path(), &url);
    server.put("/m.bin", Arc::clone(&content), Some("\"a\""));
    let report = provision(root.path(), &url).unwrap();
    assert_eq!(report.digest, Some(sha256(&content)));
    assert!(
        report.bytes.fetched > content.len() as u64,
        "the rest came twice"
    );
}
