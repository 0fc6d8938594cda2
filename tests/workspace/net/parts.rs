//! Parts that arrive in another order than they are hashed.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use catalog_core::FetchProblem;
use workspace_tests::web::{Gate, Reply, Request};

use super::{alone, bytes, ending, network, provisioner, server, sha256};

/// The number of bytes by which parts are ahead of the hash at most.
const WINDOW: usize = 64 << 20;

/// The number of bytes that are handed to the hash at once.
const CHUNK: usize = 256 << 10;

/// Returns a file that is larger than the window.
fn large(seed: u8) -> Arc<[u8]> {
    bytes(seed, 1 << 20).repeat(72).into()
}

fn begin(request: &Request) -> usize {
    request.range(usize::MAX).map_or(0, |(begin, _)| begin)
}

/// The first place after the begin of a file at which a part was asked for.
#[derive(Default)]
struct Chosen(AtomicUsize);

impl Chosen {
    /// Returns true if this is the place.
    fn is(&self, place: usize) -> bool {
        let order = Ordering::SeqCst;
        let found = self.0.compare_exchange(0, place, order, order);
        found.is_ok() || found == Err(place)
    }
}

/// Returns true if a part ends beyond the window of a file whose hash stands at its begin.
fn reaches_beyond(request: &Request) -> bool {
    let range = request.range(usize::MAX);
    range.is_some_and(|(_, end)| end > WINDOW)
}

/// NET-134
#[test]
fn a_change_while_parts_wait_for_the_hash_starts_the_file_once_more() {
    let _alone = alone();
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    let (old, new) = (large(1), large(2));
    server.put("/m.bin", old, Some("\"a\""));
    // The first part is held, so the hash stands. Another part is answered when a part has been
    // asked for that reaches beyond the window, and its answer shows the change.
    let (is_far, is_replaced, is_told) = (Gate::default(), Gate::default(), Gate::default());
    let gates = (is_far.clone(), is_replaced.clone(), is_told.clone());
    let is_late = Chosen::default();
    server.lie(move |_, request, reply| {
        let (is_far, is_replaced, is_told) = &gates;
        if reaches_beyond(request) {
            is_far.open();
        }
        if begin(request) == 0 {
            return reply.held_after(CHUNK, is_told);
        }
        if is_late.is(begin(request)) {
            is_replaced.wait();
            return reply.with("ETag", "\"b\"").announced_by(is_told);
        }
        reply
    });
    let report = std::thread::scope(|scope| {
        let provisioner = provisioner(root.path(), network().connections(4));
        let url = server.url("/m.bin");
        let fetching = scope.spawn(move || provisioner.provision(&ending(&url)));
        is_far.wait();
        server.put("/m.bin", Arc::clone(&new), Some("\"b\""));
        is_replaced.open();
        fetching.join().unwrap().unwrap()
    });
    assert_eq!(report.digest, Some(sha256(&new)));
}

/// NET-134
#[test]
fn a_file_that_changes_twice_is_an_error() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    server.put("/m.bin", bytes(3, 20 << 20), Some("\"a\""));
    server.lie(|number, _, reply| reply.with("ETag", format!("\"{number}\"")));
    let one_by_one = provisioner(root.path(), network().connections(1));
    let error = one_by_one
        .provision(&ending(&server.url("/m.bin")))
        .unwrap_err();
    assert_eq!(error.code(), FetchProblem::SourceChanged.code(), "{error}");
    let requests = server.requests();
    let begins = requests.iter().filter(|request| begin(request) == 0);
    assert_eq!(begins.count(), 2, "the file began twice");
}

/// NET-145
#[test]
fn a_part_that_failed_comes_before_the_parts_beyond_the_window() {
    let _alone = alone();
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    let content = large(4);
    server.put("/m.bin", Arc::clone(&content), Some("\"a\""));
    // The first part is held, so the hash stands, until another part has failed 20 times. It fails
    // first when a part has been asked for that reaches beyond the window.
    let (is_far, is_over) = (Gate::default(), Gate::default());
    let (failing, failures) = (Chosen::default(), AtomicUsize::new(0));
    let asked_ahead = Arc::new(AtomicUsize::new(0));
    let farthest = Arc::clone(&asked_ahead);
    server.lie(move |_, request, reply| {
        let place = begin(request);
        if failures.load(Ordering::SeqCst) < 20 {
            farthest.fetch_max(place, Ordering::SeqCst);
        }
        if reaches_beyond(request) {
            is_far.open();
        }
        if place == 0 {
            return reply.held_after(CHUNK, &is_over);
        }
        if !failing.is(place) {
            return reply;
        }
        is_far.wait();
        match failures.fetch_add(1, Ordering::SeqCst) {
            0..20 => Reply::new("503 Service Unavailable"),
            _ => {
                is_over.open();
                reply
            }
        }
    });
    let config = network().connections(4).retries(100);
    let report = provisioner(root.path(), config)
        .provision(&ending(&server.url("/m.bin")))
        .unwrap();
    assert_eq!(report.digest, Some(sha256(&content)));
    let farthest = asked_ahead.load(Ordering::SeqCst);
    assert!(farthest < WINDOW + CHUNK, "{farthest} is beyond the window");
}

/// NET-145
#[test]
fn a_part_that_waits_gives_way_if_all_other_connections_are_busy() {
    let _alone = alone();
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    let (content, small) = (large(5), bytes(6, 1000));
    let name = |number| format!("/m-0000{number}-of-00006.bin");
    server.put(&name(1), Arc::clone(&content), Some("\"a\""));
    for number in 2..=6 {
        server.put(&name(number), Arc::clone(&small), Some("\"a\""));
    }
    // One connection waits for the hash. The part that the hash needs breaks, and its connection
    // turns to another file, which is answered when the broken part has been asked for again.
    let (is_far, is_repeated) = (Gate::default(), Gate::default());
    let held = OnceLock::new();
    let large = name(1);
    server.lie(move |_, request, reply| {
        if request.path != large {
            let is_held = is_far.wait_at_most(Duration::ZERO)
                && held.get_or_init(|| request.path.clone()) == &request.path;
            if is_held {
                is_repeated.wait();
            }
            return reply;
        }
        if reaches_beyond(request) {
            is_far.open();
        }
        match begin(request) {
            0 => reply.broken_after(CHUNK).held_after(CHUNK, &is_far),
            place => {
                if place == CHUNK {
                    is_repeated.open();
                }
                reply
            }
        }
    });
    let config = network().connections(2).times(|times| {
        times.first_pause = Duration::from_millis(200);
        times.longest_pause = times.first_pause;
    });
    let report = provisioner(root.path(), config)
        .provision(&ending(&server.url(&name(1))))
        .unwrap();
    let fetched = std::fs::read(&report.resolved.local_path).unwrap();
    assert!(fetched == content[..]);
}

/// NET-154
#[test]
fn a_small_file_without_a_validator_is_not_joined_after_an_interruption() {
    let (server, root) = (server(), tempfile::tempdir().unwrap());
    let (before, after) = (bytes(1, 900 << 10), bytes(2, 900 << 10));
    server.put("/m.bin", Arc::clone(&after), None);
    server.lie(move |number, _, reply| match number {
        0 => reply.body(Arc::clone(&before)).broken_after(500 << 10),
        _ => reply,
    });
    let report = provisioner(root.path(), network())
        .provision(&ending(&server.url("/m.bin")))
        .unwrap();
    assert_eq!(report.digest, Some(sha256(&after)));
}
