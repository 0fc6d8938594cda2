//! Requests that are repeated, and their end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use catalog_core::{CancelToken, FetchProblem};
use workspace_tests::web::{Gate, Reply, WebServer};

use super::{alone, bytes, ending, network, provisioner, request, server, sha256};

/// NET-136
#[test]
fn a_failure_that_all_open_parts_see_is_one_attempt() {
    let _alone = alone();
    let busy = |_| Reply::new("503 Service Unavailable");
    let broken = |reply: Reply| reply.broken_after(10);
    let failures: [fn(Reply) -> Reply; 2] = [busy, broken];
    for fail in failures {
        let (server, root) = (server(), tempfile::tempdir().unwrap());
        let content = bytes(1, 40 << 20);
        server.put("/m.bin", Arc::clone(&content), Some("\"a\""));
        // Eight parts are open, and then all of them fail.
        let all_wait = Gate::default();
        server.lie(move |number, _, reply| match number {
            0 => reply.broken_after(1000).held_after(1000, &all_wait),
            1..8 => {
                if number == 7 {
                    all_wait.open();
                }
                all_wait.wait();
                fail(reply)
            }
            _ => reply,
        });
        let report = provisioner(root.path(), network().retries(1))
            .provision(&ending(&server.url("/m.bin")))
            .unwrap();
        assert_eq!(report.digest, Some(sha256(&content)));
        assert!(server.requests().len() >= 16, "all eight were repeated");
    }
}

/// An origin that signs a URL for each request, and the server that the URLs lead to.
fn signed(content: &Arc<[u8]>) -> (WebServer, WebServer) {
    let (origin, files) = (server(), server());
    files.put("/m.bin", Arc::clone(content), Some("\"a\""));
    let target = files.url("/m.bin");
    origin.lie(move |number, _, _| {
        Reply::new("302 Found").with("Location", format!("{target}?signature={number}"))
    });
    (origin, files)
}

fn refused() -> Reply {
    Reply::new("403 Forbidden").body(*b"the signature has expired")
}

/// NET-137
#[test]
fn a_signed_url_may_expire_again_after_bytes_arrived() {
    let content = bytes(2, 40 << 20);
    let (origin, files) = signed(&content);
    let root = tempfile::tempdir().unwrap();
    files.lie(|number, _, reply| match number % 2 {
        0 => reply,
        _ => refused(),
    });
    let one_by_one = provisioner(root.path(), network().connections(1));
    let report = one_by_one
        .provision(&ending(&origin.url("/m.bin")))
        .unwrap();
    assert_eq!(report.digest, Some(sha256(&content)));
    let requests = files.requests();
    assert!(requests.len() >= 8, "four of the parts were refused once");
    let signatures: std::collections::BTreeSet<&String> =
        requests.iter().map(|request| &request.path).collect();
    assert!(signatures.len() >= requests.len() / 2, "{signatures:?}");
}

/// NET-137
#[test]
fn a_url_that_is_refused_twice_in_a_row_is_an_error() {
    let content = bytes(3, 20 << 20);
    let (origin, files) = signed(&content);
    let root = tempfile::tempdir().unwrap();
    files.lie(|number, _, reply| match number {
        0 => reply,
        _ => refused(),
    });
    let one_by_one = provisioner(root.path(), network().connections(1));
    let error = one_by_one
        .provision(&ending(&origin.url("/m.bin")))
        .unwrap_err();
    assert_eq!(error.code(), FetchProblem::AccessDenied.code(), "{error}");
    assert_eq!(files.requests().len(), 3, "one part, and two refusals");
}

/// NET-137
#[test]
fn a_url_that_expires_for_all_open_parts_is_signed_once_more() {
    let _alone = alone();
    let content = bytes(4, 40 << 20);
    let (origin, files) = signed(&content);
    let root = tempfile::tempdir().unwrap();
    // Eight parts are open. The first one is slow, and all the others are refused.
    let all_wait = Gate::default();
    files.lie(move |number, _, reply| match number {
        0 => reply.held_after(1000, &all_wait),
        1..8 => {
            if number == 7 {
                all_wait.open();
            }
            all_wait.wait();
            refused()
        }
        _ => reply,
    });
    let report = provisioner(root.path(), network())
        .provision(&ending(&origin.url("/m.bin")))
        .unwrap();
    assert_eq!(report.digest, Some(sha256(&content)));
}

/// NET-143
#[test]
fn a_server_that_sends_no_head_is_asked_again_and_then_unreachable() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    server.put("/m.bin", bytes(5, 1000), Some("\"a\""));
    let end = Gate::default();
    let silent = end.clone();
    let silence = move |reply: Reply| {
        silent.wait();
        reply
    };
    let config = network()
        .retries(2)
        .times(|times| times.slow = Duration::from_millis(500));
    let fetch = || {
        let provisioner = provisioner(root.path(), config.clone());
        provisioner.provision(&ending(&server.url("/m.bin")))
    };
    let silent = silence.clone();
    server.lie(move |_, _, reply| silent(reply));
    let error = fetch().unwrap_err();
    assert_eq!(error.code(), FetchProblem::Unreachable.code(), "{error}");
    assert_eq!(server.requests().len(), 3);
    server.lie(move |number, _, reply| match number {
        0 => silence(reply),
        _ => reply,
    });
    fetch().unwrap();
    end.open();
}

/// NET-143
#[test]
fn a_call_that_waits_for_a_head_can_be_cancelled_and_ends_at_its_deadline() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    server.put("/m.bin", bytes(6, 1000), Some("\"a\""));
    let (is_asked, end) = (Gate::default(), Gate::default());
    let (asked, silent) = (is_asked.clone(), end.clone());
    let was_answered = Arc::new(AtomicBool::new(false));
    let answered = Arc::clone(&was_answered);
    // A call that waits for ever gets an answer at last, so that the test can fail.
    server.lie(move |_, _, reply| {
        asked.open();
        if !silent.wait_at_most(Duration::from_secs(30)) {
            answered.store(true, Ordering::SeqCst);
        }
        reply
    });
    let config = network().times(|times| {
        times.slow = Duration::from_secs(3600);
        times.stall = times.slow;
    });
    let provisioner = provisioner(root.path(), config);
    let token = CancelToken::new();
    let cancelled = std::thread::scope(|scope| {
        let request = request(&server.url("/m.bin")).cancelled_by(&token);
        let provisioner = &provisioner;
        let fetching = scope.spawn(move || provisioner.provision(&request));
        is_asked.wait();
        token.cancel();
        fetching.join().unwrap().unwrap_err()
    });
    assert_eq!(cancelled.code(), "cancelled", "{cancelled}");
    let short = request(&server.url("/m.bin")).timeout(Duration::from_millis(100));
    let late = provisioner.provision(&short).unwrap_err();
    assert_eq!(late.code(), "deadline_exceeded", "{late}");
    end.open();
    let was_answered = was_answered.load(Ordering::SeqCst);
    assert!(!was_answered, "the calls ended without an answer");
}
