//! The cases of a hub that redirects to signed addresses of another server.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use catalog_core::Basis;
use sha2::{Digest as _, Sha256};

use super::Case;
use super::bench::{Bench, bytes, repository, same};
use crate::hub::Faults;
use crate::web::{Ending, Reply, WebServer};

pub(super) const CASES: &[(&str, Case)] = &[
    ("a signed address that expired", expired),
    ("a signed address that stays refused", refused),
    ("a hash in a header beside the listed one", other_hash),
    ("an answer without a length that ends early", no_length),
    (
        "a refusal of another host in the words of the hub",
        foreign_refusal,
    ),
];

/// Starts a server, and makes the hub redirect downloads to the server, in addition to other faults. Returns the
/// server and the path of the weights there.
fn signed_server(bench: &Bench, faults: Faults) -> Result<(WebServer, String), String> {
    let server = WebServer::start("127.0.0.1").map_err(|error| error.to_string())?;
    bench.hub.fail(Faults {
        redirect_to: Some(server.url("/signed")),
        ..faults
    });
    let commit = repository().commit();
    let path = format!("/signed/org/repo/resolve/{commit}/weights.bin");
    Ok((server, path))
}

/// Checks that the hub was asked for the weights a second time, and no third time.
fn check_asked_again_once(bench: &Bench) -> Result<(), String> {
    let downloads = bench.hub.downloads_of("weights.bin");
    same(downloads, 2, "downloads of the weights")
}

fn expired(bench: &Bench) -> Result<(), String> {
    let (server, path) = signed_server(bench, Faults::default())?;
    server.put(&path, bytes(300_000, 1), Some("\"now\""));
    server.lie(|number, _, reply| match number {
        0 => Reply::new("403 Forbidden"),
        _ => reply,
    });
    let report = bench.provision("hf:org/repo/weights.bin")?;
    same(report.assurance.basis, Basis::SourceHash, "proof")?;
    check_asked_again_once(bench)
}

fn refused(bench: &Bench) -> Result<(), String> {
    let (server, _) = signed_server(bench, Faults::default())?;
    server.lie(|_, _, _| Reply::new("403 Forbidden").body(*b"signature canary1414 is old"));
    let error = bench.refuses("hf:org/repo/weights.bin", "fetch_access_denied")?;
    same(error.contains("/signed"), false, &error)?;
    check_asked_again_once(bench)
}

fn other_hash(bench: &Bench) -> Result<(), String> {
    let (server, path) = signed_server(bench, Faults::default())?;
    // The size is the listed one, and the header has the hash of these bytes.
    let evil = b"{\"model_type\": \"evil\"}"[..21].to_vec();
    let hash = BASE64_STANDARD.encode(Sha256::digest(&evil));
    let path = path.replace("weights.bin", "config.json");
    server.put(&path, evil, Some("\"now\""));
    server.lie(move |_, _, reply| reply.with("Repr-Digest", format!("sha-256=:{hash}:")));
    let error = bench.refuses("hf:org/repo/config.json", "digest_mismatch")?;
    same(error.contains("git-sha1:"), true, &error)
}

fn no_length(bench: &Bench) -> Result<(), String> {
    let faults = Faults {
        masks_hashes: true,
        ..Faults::default()
    };
    let (server, path) = signed_server(bench, faults)?;
    server.put(&path, bytes(300_000, 1), None);
    server.lie(|_, _, _| {
        let half = bytes(150_000, 1);
        let reply = Reply::new("200 OK").body(half).without("Content-Length");
        Reply {
            ending: Ending::Close,
            ..reply
        }
    });
    bench
        .refuses("hf:org/repo/weights.bin", "fetch_unreachable")
        .map(drop)
}

fn foreign_refusal(bench: &Bench) -> Result<(), String> {
    let (server, _) = signed_server(bench, Faults::default())?;
    server.lie(|_, _, _| {
        let message = "see https://cdn.example/?Signature=canary1414";
        let reply = Reply::new("403 Forbidden").with("X-Error-Code", "EntryNotFound");
        reply.with("X-Error-Message", message)
    });
    let error = bench.refuses("hf:org/repo/weights.bin", "fetch_access_denied")?;
    same(error.contains("canary1414"), false, &error)?;
    check_asked_again_once(bench)
}
