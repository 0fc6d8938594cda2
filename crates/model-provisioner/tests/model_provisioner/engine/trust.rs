//! The facts behind a model outlive the calls that found them.

use std::fs;
use std::sync::Arc;

use catalog_core::{Basis, Digest, DigestAlgorithm};
use model_provisioner::{Handoff, Policy, Provided, ProvisionRequest, Unverified};

use super::hub::{Hub, MODEL, newest, request};
use crate::util::{Host, managed, reference};

fn refusing(mut policy: Policy) -> Policy {
    policy.unverified = Unverified::Refuse;
    policy
}

/// PROV-148
#[test]
fn a_digest_of_our_own_stays_one_when_the_model_is_brought_again() {
    // An import, whose artifact is lost.
    let host = Host::new();
    let path = host.model("m.bin", "weights");
    let local = ProvisionRequest::new(reference(&path));
    let lax = host.with(managed());
    let first = lax.provision(&local).unwrap();
    assert_eq!(first.assurance.basis, Basis::OwnHash);
    let files = first.resolved.local_path.parent().unwrap().to_path_buf();
    drop(first);
    fs::remove_dir_all(files.parent().unwrap()).unwrap();
    let strict = host.with(refusing(managed()));
    assert_eq!(
        strict.provision(&local).unwrap_err().code(),
        "policy_refused"
    );
    let again = lax.provision(&local).unwrap();
    assert_eq!(again.assurance.basis, Basis::OwnHash);
    assert_eq!(Handoff::of(&again).unwrap().document().digest, None);

    // A source without hashes, whose branch moves to the same bytes.
    let host = Host::new();
    let hub = Arc::new(Hub::new().stating(Basis::Nothing));
    hub.of(&host).provision(&request()).unwrap();
    hub.move_to("commit-2");
    let moved = hub.of(&host).provision(&newest()).unwrap();
    assert_eq!(
        (moved.provided, moved.assurance.basis),
        (Provided::Fetched, Basis::OwnHash)
    );
    let strict = hub
        .of(&host)
        .with_policy(refusing(Policy::default()))
        .unwrap();
    assert_eq!(
        strict.provision(&request()).unwrap_err().code(),
        "policy_refused"
    );
}

/// PROV-193
#[test]
fn the_revision_is_kept_with_a_digest_of_another_algorithm() {
    let (host, hub) = (Host::new(), Arc::new(Hub::new()));
    let provisioner = hub.of(&host);
    let first = provisioner.provision(&request()).unwrap();
    assert_eq!(first.revision.as_deref(), Some("commit-1"));
    let path = first.resolved.local_path.clone();
    let long = Digest::compute(&path, DigestAlgorithm::Sha512, &mut |_| {}).unwrap();
    drop(first);
    let given = request().expecting(long.clone());
    assert_eq!(
        provisioner.provision(&given).unwrap().assurance.basis,
        Basis::Caller
    );
    let unmoved = provisioner.provision(&newest()).unwrap();
    assert_eq!(unmoved.revision.as_deref(), Some("commit-1"));
    assert_eq!(
        (hub.stages(), host.entry(MODEL).unwrap().digest),
        (1, Some(long))
    );
}

/// PROV-194
#[test]
fn an_error_about_fetched_files_names_their_place_at_the_source() {
    for (name, bytes) in [
        ("m-00001-of-00002.gguf", &b"GGUF"[..]),
        ("m.gguf", b"<!DOCTYPE html><title>no GGUF</title>"),
        ("m.safetensors", b"Entry not found"),
    ] {
        let hub = Arc::new(Hub::new().with_file(name, bytes));
        let error = hub.of(&Host::new()).provision(&request()).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(MODEL) && !text.contains("staging"), "{text}");
    }
    let host = Host::new();
    let path = host.model("broken.gguf", "<html>no GGUF");
    let provisioner = host.with(managed());
    let error = provisioner
        .ensure_present(&reference(&path), None)
        .unwrap_err();
    assert!(
        error.to_string().contains(path.to_str().unwrap()),
        "{error}"
    );
}
