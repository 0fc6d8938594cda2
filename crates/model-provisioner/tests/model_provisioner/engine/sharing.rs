//! Callers that wait share the source call that they waited for.

use std::sync::{Arc, mpsc};

use catalog_core::managed::{ModelLockAttempt, SourceFailure};
use catalog_core::{ContentCheck, Expectation, Expected, FsCatalog, ModelId, Retry};
use model_provisioner::{Event, EventKind, ModelProvisioner, Policy, Provided, Step};

use super::source::{
    CALLERS, Fetcher, MODEL, Source, anew, ask, ask_at_once, fetch, request, stage,
};
use crate::util::{Host, as_unprivileged};

/// PROV-164
#[test]
fn callers_that_waited_use_the_answer_of_the_source_that_they_waited_for() {
    let host = Host::new();
    let catalog = host.provisioner.catalog();
    fetch(catalog);
    let source = Arc::new(Source::awaiting(CALLERS - 1));
    for answer in ask_at_once(catalog, &source, &anew()) {
        let report = answer.unwrap();
        assert_eq!(report.provided, Provided::AlreadyPresent);
    }
    assert_eq!(source.calls(), 1);
    // A caller that comes later asks the source itself.
    let later = Arc::new(Source::default());
    ask(catalog, &later, &anew()).unwrap();
    assert_eq!(later.calls(), 1);
}

/// PROV-164
#[test]
fn an_answer_is_not_passed_on_to_callers_that_asked_after_it() {
    let host = Host::new();
    let catalog = host.provisioner.catalog();
    fetch(catalog);
    // The first caller asks the source while the second one waits. The second one uses the answer, and
    // holds the lock until the third one waits, too.
    let source = Arc::new(Source::awaiting(1));
    let third = Arc::new(Source::default());
    let (holds, is_held) = mpsc::channel();
    std::thread::scope(|scope| {
        let first = scope.spawn(|| ask(catalog, &source, &anew()));
        while source.calls() == 0 {
            std::thread::yield_now();
        }
        let (awaited, noted) = (Arc::clone(&source), Arc::clone(&third));
        let observer = move |event: &Event| match event.kind {
            EventKind::Waiting { .. } => {
                awaited.note_waiter();
            }
            EventKind::Planned { step: Step::Use } => {
                holds.send(()).unwrap();
                let waiting = noted.waiting.lock().unwrap();
                let is_lonely = |now: &mut usize| *now == 0;
                drop(noted.is_awaited.wait_while(waiting, is_lonely).unwrap());
            }
            _ => {}
        };
        let second = ModelProvisioner::new(catalog.clone(), Fetcher(Arc::clone(&source)))
            .with_observer(observer);
        let second = scope.spawn(move || second.provision(&anew()));
        first.join().unwrap().unwrap();
        is_held.recv().unwrap();
        // The source was asked before this caller asks.
        ask(catalog, &third, &anew()).unwrap();
        second.join().unwrap().unwrap();
    });
    assert_eq!((source.calls(), third.calls()), (1, 1));
}

/// PROV-164
#[test]
fn callers_that_waited_for_a_failing_source_get_its_failure() {
    for is_here in [false, true] {
        let host = Host::new();
        let catalog = host.provisioner.catalog();
        if is_here {
            fetch(catalog);
        }
        let source = Arc::new(Source::awaiting(CALLERS - 1).failing());
        let mut own = 0;
        for answer in ask_at_once(catalog, &source, &anew()) {
            let error = answer.unwrap_err();
            own += usize::from(error.code() == "fetch_failed");
            assert!(error.to_string().contains("the command failed"), "{error}");
        }
        assert_eq!((own, source.calls()), (1, 1));
    }
}

/// Fails a first caller while a second one, with other terms, waits. The second one must fetch.
fn second_caller_fetches(first: Source, second: Source, policy: Policy) {
    let host = Host::new();
    let catalog = host.provisioner.catalog();
    let (first, second) = (Arc::new(first), Arc::new(second));
    std::thread::scope(|scope| {
        let failing = scope.spawn(|| ask(catalog, &first, &request()));
        while first.calls() == 0 {
            std::thread::yield_now();
        }
        let observer = {
            let awaited = Arc::clone(&first);
            move |event: &Event| {
                if matches!(event.kind, EventKind::Waiting { .. }) {
                    awaited.note_waiter();
                }
            }
        };
        let waiting = ModelProvisioner::new(catalog.clone(), Fetcher(Arc::clone(&second)))
            .with_policy(policy)
            .unwrap()
            .with_observer(observer)
            .provision(&request());
        assert_eq!(waiting.unwrap().provided, Provided::Fetched);
        assert_eq!(failing.join().unwrap().unwrap_err().code(), "fetch_failed");
    });
}

/// PROV-165
#[test]
fn callers_with_other_credentials_do_not_share_a_failure() {
    let refused = Source::awaiting(1).failing().asked_with("none");
    let allowed = Source::default().asked_with("a token");
    second_caller_fetches(refused, allowed, Policy::default());
}

/// PROV-165
#[test]
fn callers_with_another_rule_for_content_do_not_share_a_failure() {
    let lenient = Policy::default().content(ContentCheck::Skip);
    second_caller_fetches(Source::awaiting(1).failing(), Source::default(), lenient);
}

/// PROV-166
#[test]
fn where_nothing_can_be_written_the_callers_of_a_process_still_share() {
    let test = "engine::sharing::where_nothing_can_be_written_the_callers_of_a_process_still_share";
    as_unprivileged(test, || {
        use std::os::unix::fs::PermissionsExt;
        let host = Host::new();
        let catalog = host.provisioner.catalog();
        fetch(catalog);
        let locks = host.cache().join("locks/models");
        std::fs::remove_dir_all(&locks).unwrap();
        let folder = host.cache().join("locks");
        std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o555)).unwrap();
        let source = Arc::new(Source::awaiting(CALLERS - 1).failing());
        for answer in ask_at_once(catalog, &source, &anew()) {
            let error = answer.unwrap_err();
            assert!(error.to_string().contains("the command failed"), "{error}");
        }
        assert_eq!(source.calls(), 1);
        std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o755)).unwrap();
    });
}

/// PROV-164
#[test]
fn a_long_message_of_a_failure_is_shared_in_part() {
    let host = Host::new();
    let source = Arc::new(
        Source::awaiting(CALLERS - 1)
            .failing()
            .saying("ü".repeat(100_000)),
    );
    for answer in ask_at_once(host.provisioner.catalog(), &source, &request()) {
        answer.unwrap_err();
    }
    assert_eq!(source.calls(), 1);
}

/// PROV-161
#[test]
fn a_caller_that_waited_for_a_failure_uses_the_model_that_a_third_caller_brought() {
    let host = Host::new();
    let catalog = host.provisioner.catalog();
    let id: ModelId = MODEL.parse().unwrap();
    let source = Arc::new(Source::default());
    let ModelLockAttempt::Begun(mut lock) = catalog.try_lock_model(&id).unwrap() else {
        panic!("nobody else has it")
    };
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| ask(catalog, &source, &request()));
        while *source.waiting.lock().unwrap() == 0 {
            std::thread::yield_now();
        }
        // With the terms of the waiter, the first holder fails. A second one brings the model.
        let terms = terms_of(catalog);
        let failure = SourceFailure::new("fetch_unreachable", "it is down", Retry::Yes);
        lock.end_call(&terms, Some(failure));
        let mut staging = catalog.artifacts().stage(&id, 0).unwrap();
        stage(&mut staging, b"weights").unwrap();
        let verified = staging.verify(&Expectation::default(), &mut |_| Ok(()));
        let artifact = verified.unwrap().publish().unwrap();
        catalog.register(&artifact, Expected::Absent).unwrap();
        drop((lock, artifact));
        let report = waiter.join().unwrap().unwrap();
        assert_eq!(report.provided, Provided::AlreadyPresent);
    });
    assert_eq!(source.calls(), 0);
}

/// The terms of a request without any wishes, as a failing call of it leaves them.
fn terms_of(catalog: &FsCatalog) -> String {
    let other = tempfile::tempdir().unwrap();
    let root = FsCatalog::new(other.path()).unwrap();
    let source = Arc::new(Source::default().failing());
    ask(&root, &source, &request()).unwrap_err();
    let ModelLockAttempt::Begun(lock) = root.try_lock_model(&MODEL.parse().unwrap()).unwrap()
    else {
        panic!("nobody else has it")
    };
    assert_ne!(root.root(), catalog.root());
    lock.calls()[0].terms.clone()
}
