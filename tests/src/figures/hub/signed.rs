//! The cases of a hub that redirects to signed addresses of another server.

use catalog_core::Basis;

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

/// The path of the weights at the hub, and the hub's redirect to a server.
fn redirect_to(bench: &Bench, server: &WebServer) -> String {
    bench.hub.fail(Faults {
        redirect_to: Some(server.url("/signed")),
        ..Faults::default()
    });
    format!(
        "/signed/org/repo/resolve/{}/weights.bin",
        repository().commit()
    )
}

fn expired(bench: &Bench) -> Result<(), String> {
    let server = WebServer::start("127.0.0.1").map_err(|error| error.to_string())?;
    let path = redirect_to(bench, &server);
    server.put(&path, bytes(300_000, 1), Some("\"now\""));
    server.lie(|number, _, reply| match number {
        0 => Reply::new("403 Forbidden"),
        _ => reply,
    });
    let report = bench.provision("hf:org/repo/weights.bin")?;
    same(report.assurance.basis, Basis::SourceHash, "proof")?;
    same(
        bench.hub.downloads_of("weights.bin"),
        2,
        "the hub was asked again once",
    )
}

fn refused(bench: &Bench) -> Result<(), String> {
    let server = WebServer::start("127.0.0.1").map_err(|error| error.to_string())?;
    redirect_to(bench, &server);
    server.lie(|_, _, _| Reply::new("403 Forbidden").body(*b"signature canary1414 is old"));
    let error = bench.refuses("hf:org/repo/weights.bin", "fetch_access_denied")?;
    same(error.contains("/signed"), false, &error)?;
    same(
        bench.hub.downloads_of("weights.bin"),
        2,
        "the hub was asked again once",
    )
}

fn other_hash(bench: &Bench) -> Result<(), String> {
    let server = WebServer::start("127.0.0.1").map_err(|error| error.to_string())?;
    let path = redirect_to(bench, &server).replace("weights.bin", "config.json");
    // The size is the listed one, and the header has the hash of these bytes.
    let evil = b"{\"model_type\": \"evil\"}"[..21].to_vec();
    server.put(&path, evil, Some("\"now\""));
    server.lie(|_, _, reply| {
        let digest = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        reply.with("Repr-Digest", format!("sha-256=:{digest}:"))
    });
    let error = bench.refuses("hf:org/repo/config.json", "digest_mismatch")?;
    same(error.contains("git-sha1:"), true, &error)
}

fn no_length(bench: &Bench) -> Result<(), String> {
    let server = WebServer::start("127.0.0.1").map_err(|error| error.to_string())?;
    let path = redirect_to(bench, &server);
    let faults = Faults {
        redirect_to: Some(server.url("/signed")),
        masks_hashes: true,
        ..Faults::default()
    };
    bench.hub.fail(faults);
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
    let server = WebServer::start("127.0.0.1").map_err(|error| error.to_string())?;
    redirect_to(bench, &server);
    server.lie(|_, _, _| {
        let message = "see https://cdn.example/?Signature=canary1414";
        let reply = Reply::new("403 Forbidden").with("X-Error-Code", "EntryNotFound");
        reply.with("X-Error-Message", message)
    });
    let error = bench.refuses("hf:org/repo/weights.bin", "fetch_access_denied")?;
    same(error.contains("canary1414"), false, &error)?;
    same(
        bench.hub.downloads_of("weights.bin"),
        2,
        "the hub was asked again once",
    )
}
