//! Callers that wait share the source call that they waited for.

use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc};

use catalog_core::{
    Basis, CatalogError, CatalogStore, Expectation, Expected, FetchProblem, FetchTask, Fetched,
    FileFetcher, FsCatalog, ImportRequest, MemoryCatalog, Method, ModelFetcher, ModelId,
    ModelLockAttempt, ModelRef, Progress, ResolvedModel, Result, SourceFailure, Staging,
};
use model_provisioner::{
    Event, EventKind, Freshness, ModelProvisioner, Policy, Provided, ProvisionReport,
    ProvisionRequest, StagingMode, Step,
};

use crate::util::{Host, as_unprivileged, id_of, reference};

const MODEL: &str = "hf:org/repo";
const CALLERS: usize = 12;

fn request() -> ProvisionRequest {
    ProvisionRequest::new(ModelRef::parse(MODEL).unwrap())
}

fn anew() -> ProvisionRequest {
    request().fresh(Freshness::Revalidate)
}

/// A source that counts its calls. Each call ends once the awaited number of callers wait.
#[derive(Default)]
struct Source {
    calls: AtomicUsize,
    waiting: Mutex<usize>,
    is_awaited: Condvar,
    awaited: usize,
    is_failing: bool,
    /// More of the message of its failure.
    message: String,
    credentials: Option<String>,
}

impl Source {
    fn awaiting(awaited: usize) -> Self {
        Self {
            awaited,
            ..Self::default()
        }
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    fn answer(&self, mr: &ModelRef) -> Result<()> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let waiting = self.waiting.lock().unwrap();
        let is_lonely = |now: &mut usize| *now < self.awaited;
        drop(self.is_awaited.wait_while(waiting, is_lonely).unwrap());
        match self.is_failing {
            false => Ok(()),
            true => Err(CatalogError::Fetch {
                reference: mr.to_string(),
                problem: FetchProblem::Failed,
                detail: format!("the command failed {}", self.message),
            }),
        }
    }
}

/// A fetcher of that source.
#[derive(Clone)]
struct Fetcher(Arc<Source>);

impl ModelFetcher for Fetcher {
    fn ensure_present(&self, _: &ModelRef) -> Result<ResolvedModel> {
        panic!("it stages")
    }
    fn can_stage(&self, _: &ModelRef) -> bool {
        true
    }
    fn stage(
        &self,
        task: &FetchTask<'_>,
        staging: &mut Staging,
        _: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<Fetched> {
        self.0.answer(task.model_ref)?;
        stage(staging, b"weights")
    }
    fn resolve_revision(
        &self,
        task: &FetchTask<'_>,
        _: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<Option<String>> {
        self.0.answer(task.model_ref)?;
        Ok(None)
    }
    fn credentials_id(&self, _: &ModelRef) -> Option<String> {
        self.0.credentials.clone()
    }
}

fn stage(staging: &mut Staging, bytes: &[u8]) -> Result<Fetched> {
    let mut file = staging.create("model.bin")?;
    file.write_all(bytes).unwrap();
    file.finish()?;
    let mut fetched = Fetched::new(Expectation::default());
    fetched.basis = Basis::SourceHash;
    Ok(fetched)
}

/// Asks as one caller. The caller notes once that it waits.
fn ask(
    catalog: &FsCatalog,
    source: &Arc<Source>,
    request: &ProvisionRequest,
) -> model_provisioner::Result<ProvisionReport> {
    let (awaited, has_waited) = (Arc::clone(source), AtomicBool::new(false));
    let observer = move |event: &Event| {
        let is_waiting = matches!(event.kind, EventKind::Waiting { .. });
        if is_waiting && !has_waited.swap(true, Ordering::SeqCst) {
            *awaited.waiting.lock().unwrap() += 1;
            awaited.is_awaited.notify_all();
        }
    };
    ModelProvisioner::new(catalog.clone(), Fetcher(Arc::clone(source)))
        .with_observer(observer)
        .provision(request)
}

/// Asks as many callers at once, and returns their answers.
fn ask_at_once(
    catalog: &FsCatalog,
    source: &Arc<Source>,
    request: &ProvisionRequest,
) -> Vec<model_provisioner::Result<ProvisionReport>> {
    std::thread::scope(|scope| {
        let calls: Vec<_> = (0..CALLERS)
            .map(|_| scope.spawn(|| ask(catalog, source, request)))
            .collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    })
}

/// Registers the model by a fetch.
fn fetch(catalog: &FsCatalog) {
    let source = Arc::new(Source::default());
    ask(catalog, &source, &request()).unwrap();
}

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
                *awaited.waiting.lock().unwrap() += 1;
                awaited.is_awaited.notify_all();
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
        let source = Arc::new(Source {
            is_failing: true,
            ..Source::awaiting(CALLERS - 1)
        });
        let mut own = 0;
        for answer in ask_at_once(catalog, &source, &anew()) {
            let error = answer.unwrap_err();
            own += usize::from(error.code() == "fetch_failed");
            assert!(error.to_string().contains("the command failed"), "{error}");
        }
        assert_eq!((own, source.calls()), (1, 1));
    }
}

/// PROV-165
#[test]
fn callers_with_other_credentials_do_not_share_a_failure() {
    let host = Host::new();
    let catalog = host.provisioner.catalog();
    let refused = Arc::new(Source {
        is_failing: true,
        credentials: Some("none".to_owned()),
        ..Source::awaiting(1)
    });
    let allowed = Arc::new(Source {
        credentials: Some("a token".to_owned()),
        ..Source::default()
    });
    std::thread::scope(|scope| {
        let first = scope.spawn(|| ask(catalog, &refused, &request()));
        while refused.calls() == 0 {
            std::thread::yield_now();
        }
        // The caller with a token waits for the one without, and tells the source of that one.
        let observer = {
            let awaited = Arc::clone(&refused);
            move |event: &Event| {
                if matches!(event.kind, EventKind::Waiting { .. }) {
                    *awaited.waiting.lock().unwrap() += 1;
                    awaited.is_awaited.notify_all();
                }
            }
        };
        let second = ModelProvisioner::new(catalog.clone(), Fetcher(Arc::clone(&allowed)))
            .with_observer(observer)
            .provision(&request());
        assert_eq!(second.unwrap().provided, Provided::Fetched);
        assert_eq!(first.join().unwrap().unwrap_err().code(), "fetch_failed");
    });
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
        let source = Arc::new(Source {
            is_failing: true,
            ..Source::awaiting(CALLERS - 1)
        });
        for answer in ask_at_once(catalog, &source, &anew()) {
            let error = answer.unwrap_err();
            assert!(error.to_string().contains("the command failed"), "{error}");
        }
        assert_eq!(source.calls(), 1);
        std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o755)).unwrap();
    });
}

/// Asks for the model that it is to fetch.
struct Circular(FsCatalog);

impl ModelFetcher for Circular {
    fn ensure_present(&self, mr: &ModelRef) -> Result<ResolvedModel> {
        let inner = ModelProvisioner::new(self.0.clone(), Fetcher(Arc::default()));
        let error = inner.ensure_present(mr, None).unwrap_err();
        assert_eq!(error.code(), "nested_call");
        Err(CatalogError::Fetch {
            reference: mr.to_string(),
            problem: FetchProblem::Failed,
            detail: error.to_string(),
        })
    }
}

/// PROV-164
#[test]
fn a_long_message_of_a_failure_is_shared_in_part() {
    let host = Host::new();
    let source = Arc::new(Source {
        is_failing: true,
        message: "ü".repeat(100_000),
        ..Source::awaiting(CALLERS - 1)
    });
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
        let failure = SourceFailure::new("fetch_unreachable", "it is down", true);
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
    let source = Arc::new(Source {
        is_failing: true,
        ..Source::default()
    });
    ask(&root, &source, &request()).unwrap_err();
    let ModelLockAttempt::Begun(lock) = root.try_lock_model(&MODEL.parse().unwrap()).unwrap()
    else {
        panic!("nobody else has it")
    };
    assert_ne!(root.root(), catalog.root());
    lock.calls()[0].terms.clone()
}

/// PROV-167
#[test]
fn a_fetcher_may_use_another_catalog_and_an_observer_the_model_at_the_end() {
    struct Delegating(ModelProvisioner<MemoryCatalog, FileFetcher>);
    impl ModelFetcher for Delegating {
        fn ensure_present(&self, mr: &ModelRef) -> Result<ResolvedModel> {
            Ok(self.0.ensure_present(mr, None).unwrap())
        }
    }
    let host = Host::new();
    let path = host.model("m.bin", "weights");
    let memory = |name: &str| MemoryCatalog::new(host.cache().join(name)).unwrap();
    let inner = Delegating(ModelProvisioner::new(memory("inner"), FileFetcher));
    let outer = ModelProvisioner::new(memory("outer"), inner);
    outer.ensure_present(&reference(&path), None).unwrap();

    let inner = ModelProvisioner::file_only(host.cache()).unwrap();
    let model_ref = reference(&path);
    let observer = move |event: &Event| {
        if matches!(event.kind, EventKind::Finished { .. }) {
            inner.ensure_present(&model_ref, None).unwrap();
        }
    };
    let provisioner = ModelProvisioner::file_only(host.cache()).unwrap();
    let provisioner = provisioner.with_observer(observer);
    provisioner.ensure_present(&reference(&path), None).unwrap();
}

/// PROV-167
#[test]
fn a_fetcher_that_asks_for_its_own_model_gets_an_error() {
    let host = Host::new();
    let catalog = host.provisioner.catalog();
    let provisioner = ModelProvisioner::new(catalog, Circular(catalog.clone()));
    let error = provisioner.provision(&request()).unwrap_err();
    assert!(error.to_string().contains("its own model"), "{error}");
    // The next call of the thread is none of the fetcher.
    fetch(catalog);
}

/// Publishes an artifact as a call does that dies before it registers the artifact.
fn publish_and_die(catalog: &FsCatalog, bytes: &[u8]) -> PathBuf {
    let id: ModelId = MODEL.parse().unwrap();
    let ModelLockAttempt::Begun(mut lock) = catalog.try_lock_model(&id).unwrap() else {
        panic!("nobody else has it")
    };
    let mut staging = catalog.artifacts().stage(&id, 0).unwrap();
    stage(&mut staging, bytes).unwrap();
    let mut verified = staging
        .verify(&Expectation::default(), &mut |_| Ok(()))
        .unwrap();
    verified.set_basis(Basis::SourceHash);
    lock.announce(&verified.key()).unwrap();
    verified.publish().unwrap().path().to_path_buf()
}

/// PROV-168
#[test]
fn what_an_interrupted_call_published_is_registered_and_not_fetched_again() {
    let host = Host::new();
    let catalog = host.provisioner.catalog();
    publish_and_die(catalog, b"weights");
    let source = Arc::new(Source::default());
    let report = ask(catalog, &source, &request()).unwrap();
    assert_eq!(source.calls(), 0);
    assert_eq!(report.provided, Provided::AlreadyPresent);
    assert_eq!(
        report.assurance.method,
        Some(Method::Hashed),
        "as it may have rotted"
    );
    assert!(report.is_catalog_changed);
    assert_eq!(report.assurance.basis, Basis::SourceHash);
    assert_eq!(
        std::fs::read(&report.resolved.local_path).unwrap(),
        b"weights"
    );
    let entry = host.entry(MODEL).unwrap();
    assert_eq!(
        Some(entry.local_path),
        Some(report.resolved.local_path.clone())
    );
    drop(report);

    // Once it is registered, a deletion is final.
    assert!(catalog.delete(MODEL).unwrap());
    ask(catalog, &source, &request()).unwrap();
    assert_eq!(source.calls(), 1);
}

/// PROV-168
#[test]
fn what_was_published_and_rotted_or_imported_long_ago_is_brought_again() {
    use std::os::unix::fs::PermissionsExt;
    let host = Host::new();
    let catalog = host.provisioner.catalog();
    let path = publish_and_die(catalog, b"weights");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
    std::fs::write(&path, "ROTTEN!").unwrap();
    let mut offline = Policy::default();
    offline.offline = true;
    let source = Arc::new(Source::default());
    let refused = ModelProvisioner::new(catalog.clone(), Fetcher(Arc::clone(&source)))
        .with_policy(offline)
        .unwrap()
        .provision(&request());
    assert_eq!(refused.unwrap_err().code(), "policy_refused");
    assert_eq!(
        host.entry(MODEL),
        None,
        "a failed call leaves the catalog as it was"
    );
    let report = ask(catalog, &source, &request()).unwrap();
    assert_eq!((report.provided, source.calls()), (Provided::Fetched, 1));

    let model = host.model("m.bin", "weights");
    let id: ModelId = id_of(&model).parse().unwrap();
    let ModelLockAttempt::Begun(mut lock) = catalog.try_lock_model(&id).unwrap() else {
        panic!("nobody else has it")
    };
    let import = ImportRequest::new(&id, &model);
    let staged = catalog.artifacts().stage_import(&import, &mut |_| Ok(()));
    let staged = staged.unwrap();
    lock.announce(&staged.key()).unwrap();
    drop((staged.publish().unwrap(), lock));
    std::fs::write(&model, "the model of today").unwrap();
    let mut managed = Policy::default();
    managed.staging = StagingMode::Managed;
    let provisioner = ModelProvisioner::file_only(host.cache()).unwrap();
    let provisioner = provisioner.with_policy(managed).unwrap();
    let found = provisioner
        .ensure_present(&reference(&model), None)
        .unwrap();
    let bytes = std::fs::read_to_string(found.local_path).unwrap();
    assert_eq!(bytes, "the model of today");
}

/// PROV-168
#[test]
fn what_was_published_is_fetched_again_if_digest_revision_or_policy_do_not_agree() {
    let wrong = catalog_core::Digest {
        algo: "sha256".to_owned(),
        value: "0".repeat(64),
    };
    let host = Host::new();
    let catalog = host.provisioner.catalog();
    publish_and_die(catalog, b"other bytes");
    let source = Arc::new(Source::default());
    let error = ask(catalog, &source, &request().expecting(wrong)).unwrap_err();
    assert_eq!((error.code(), source.calls()), ("digest_mismatch", 1));
    let bytes = catalog_core::Digest::of_file(&host.model("same", "weights")).unwrap();
    let report = ask(catalog, &source, &request().expecting(bytes)).unwrap();
    assert_eq!((report.provided, source.calls()), (Provided::Fetched, 2));
    drop(report);

    // Another id is in the manifest that a changed lock file names.
    assert!(catalog.delete(MODEL).unwrap());
    let id: ModelId = "hf:org/another".parse().unwrap();
    let mut staging = catalog.artifacts().stage(&id, 0).unwrap();
    stage(&mut staging, b"strange").unwrap();
    let verified = staging.verify(&Expectation::default(), &mut |_| Ok(()));
    let artifact = verified.unwrap().publish().unwrap();
    catalog.register(&artifact, Expected::Absent).unwrap();
    let key = artifact.path().ancestors().nth(2).unwrap().file_name();
    let ModelLockAttempt::Begun(mut lock) =
        catalog.try_lock_model(&MODEL.parse().unwrap()).unwrap()
    else {
        panic!("nobody else has it")
    };
    lock.announce(key.unwrap().to_str().unwrap()).unwrap();
    drop(lock);
    let report = ask(catalog, &source, &request()).unwrap();
    assert_eq!((report.provided, source.calls()), (Provided::Fetched, 3));
}
