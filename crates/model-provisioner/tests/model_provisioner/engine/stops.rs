//! Calls that are stopped, and calls that wait for others.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::time::Duration;

use catalog_core::managed::ModelLockAttempt;
use catalog_core::{
    Basis, CancelToken, CatalogError, CatalogStore, Expectation, FetchProblem, FetchTask, Fetched,
    FsCatalog, ModelFetcher, ModelRef, Progress, ResolvedModel, Result, Staging,
};
use model_provisioner::{
    Channel, EventKind, ModelProvisioner, Provided, ProvisionError, ProvisionRequest,
};

use crate::util::{Host, reference, sha256};

const MODEL: &str = "hf:org/repo";

fn request() -> ProvisionRequest {
    ProvisionRequest::new(ModelRef::parse(MODEL).unwrap())
}

/// A fetcher that reports the begin of its stage, and waits for the order how to end.
struct Slow {
    began: mpsc::SyncSender<()>,
    end: std::sync::Mutex<mpsc::Receiver<End>>,
}

enum End {
    Bring,
    Fail,
    /// Asks its caller whether to stop, until that says so.
    Linger,
}

impl Slow {
    fn new() -> (Self, mpsc::Receiver<()>, mpsc::Sender<End>) {
        let (began, has_begun) = mpsc::sync_channel(16);
        let (end, ends) = mpsc::channel();
        let end_of = std::sync::Mutex::new(ends);
        (Self { began, end: end_of }, has_begun, end)
    }
}

impl ModelFetcher for Slow {
    fn ensure_present(&self, _: &ModelRef) -> Result<ResolvedModel> {
        panic!("it stages")
    }
    fn schemes(&self) -> Vec<&str> {
        vec!["hf"]
    }
    fn stage(
        &self,
        task: &FetchTask<'_>,
        staging: &mut Staging,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<Fetched> {
        self.began.send(()).unwrap();
        let end = self.end.lock().unwrap().recv().unwrap();
        let mut file = staging.create("model.bin")?;
        std::io::Write::write_all(&mut file, b"weights").unwrap();
        file.finish()?;
        match end {
            End::Bring => {}
            End::Fail => {
                return Err(CatalogError::fetch(
                    task.model_ref,
                    FetchProblem::Unreachable,
                    "the hub is asleep",
                ));
            }
            End::Linger => loop {
                progress(Progress::default())?;
                std::thread::yield_now();
            },
        }
        let mut fetched = Fetched::new(Expectation::default());
        fetched.basis = Basis::SourceHash;
        Ok(fetched)
    }
}

/// Nothing is registered, staged or locked.
fn check_untouched(catalog: &FsCatalog) {
    assert_eq!(catalog.list().unwrap(), []);
    let staging = std::fs::read_dir(catalog.root().join("staging"));
    assert_eq!(staging.map_or(0, |all| all.count()), 0);
    let lock = catalog.try_lock_model(&MODEL.parse().unwrap()).unwrap();
    assert!(matches!(lock, ModelLockAttempt::Begun(_)), "{lock:?}");
}

/// PROV-150
#[test]
fn a_cancelled_or_overdue_call_stops_and_leaves_nothing() {
    let host = Host::new();
    let catalog = host.provisioner.catalog();
    let (slow, began, end) = Slow::new();
    let provisioner = ModelProvisioner::new(catalog, slow);
    let token = CancelToken::new();
    std::thread::scope(|scope| {
        let call = scope.spawn(|| provisioner.provision(&request().cancelled_by(&token)));
        began.recv().unwrap();
        end.send(End::Linger).unwrap();
        token.cancel();
        assert_eq!(call.join().unwrap().unwrap_err().code(), "cancelled");
    });
    check_untouched(catalog);

    end.send(End::Linger).unwrap();
    let error = provisioner
        .provision(&request().timeout(Duration::from_millis(500)))
        .unwrap_err();
    assert_eq!(error.code(), "deadline_exceeded");
    assert!(error.to_string().contains("fetching"), "{error}");
    check_untouched(catalog);

    let path = host.model("m.bin", "weights");
    let hashed = ProvisionRequest::new(reference(&path)).expecting(sha256(&path));
    let error = host.provisioner.provision(&hashed.cancelled_by(&token));
    assert_eq!(error.unwrap_err().code(), "cancelled");
    assert_eq!(catalog.list().unwrap(), []);
}

/// PROV-160
#[test]
fn of_many_callers_one_fetches_and_the_others_see_it_and_use_it() {
    const CALLERS: usize = 12;
    let host = Host::new();
    let (slow, began, end) = Slow::new();
    let slow = &slow;
    let (observers, events): (Vec<_>, Vec<_>) = (0..CALLERS).map(|_| mpsc::channel()).unzip();
    let observers = observers.into_iter().map(Channel::new);
    let barrier = Barrier::new(CALLERS);
    std::thread::scope(|scope| {
        let call = |observer: Channel| {
            let barrier = &barrier;
            let catalog = FsCatalog::new(host.cache()).unwrap();
            move || {
                let provisioner = ModelProvisioner::new(catalog, slow).with_observer(observer);
                barrier.wait();
                provisioner.provision(&request()).unwrap()
            }
        };
        let calls: Vec<_> = observers
            .into_iter()
            .map(|observer| scope.spawn(call(observer)))
            .collect();
        began.recv().unwrap();
        // Each of the others waits, and sees for whom.
        let me = std::process::id().to_string();
        let mut is_waiting = [false; CALLERS];
        while is_waiting.iter().filter(|is_waiting| **is_waiting).count() < CALLERS - 1 {
            for (events, is_waiting) in events.iter().zip(&mut is_waiting) {
                for event in events.try_iter() {
                    if let EventKind::Waiting { holder, .. } = event.kind {
                        assert!(holder.is_empty() || holder.starts_with(&me), "{holder}");
                        *is_waiting = true;
                    }
                }
            }
            std::thread::yield_now();
        }
        end.send(End::Bring).unwrap();
        let reports: Vec<_> = calls.into_iter().map(|call| call.join().unwrap()).collect();
        let fetched = reports
            .iter()
            .filter(|report| report.provided == Provided::Fetched)
            .count();
        assert_eq!(fetched, 1);
        assert!(
            reports
                .iter()
                .all(|report| report.resolved == reports[0].resolved)
        );
        let waited = |report: &&model_provisioner::ProvisionReport| {
            report.provided == Provided::AlreadyPresent
                && report.assurance.method == Some(catalog_core::Method::Fingerprint)
        };
        let used = reports.iter().filter(waited).count();
        assert_eq!(used, CALLERS - 1, "nobody hashed what was just verified");
    });
    assert!(began.try_recv().is_err(), "nobody else began");
}

/// PROV-161
#[test]
fn who_waited_for_a_failure_of_the_same_request_is_told_it() {
    let host = Host::new();
    let (slow, began, end) = Slow::new();
    let provisioner = ModelProvisioner::new(host.provisioner.catalog(), slow);
    let (sender, events) = mpsc::channel();
    let observer = Channel::new(sender);
    let waiter = ModelProvisioner::new(
        FsCatalog::new(host.cache()).unwrap(),
        catalog_core::FileFetcher,
    )
    .with_observer(observer);
    std::thread::scope(|scope| {
        let first = scope.spawn(|| provisioner.provision(&request()));
        began.recv().unwrap();
        let same = scope.spawn(|| waiter.provision(&request()));
        events
            .iter()
            .find(|event| matches!(event.kind, EventKind::Waiting { .. }))
            .unwrap();
        end.send(End::Fail).unwrap();
        assert_eq!(
            first.join().unwrap().unwrap_err().code(),
            "fetch_unreachable"
        );
        let error = same.join().unwrap().unwrap_err();
        assert!(error.is_retryable());
        let ProvisionError::FailedElsewhere { code, detail, .. } = error else {
            panic!("{error}")
        };
        assert_eq!(code, "fetch_unreachable");
        assert!(detail.contains("the hub is asleep"), "{detail}");
    });
    // Who comes later tries for itself.
    let error = waiter.provision(&request()).unwrap_err();
    assert_eq!(error.code(), "no_fetcher");
}

/// PROV-162
#[test]
fn who_waited_for_a_call_that_was_cancelled_takes_over() {
    let host = Host::new();
    let (slow, began, end) = Slow::new();
    let provisioner = ModelProvisioner::new(host.provisioner.catalog(), slow);
    let is_waiting = Arc::new(AtomicBool::new(false));
    let observer = {
        let is_waiting = Arc::clone(&is_waiting);
        move |event: &model_provisioner::Event| {
            if matches!(event.kind, EventKind::Waiting { .. }) {
                is_waiting.store(true, Ordering::SeqCst);
            }
        }
    };
    let path = host.model("brought", "");
    let toy = crate::util::ToyFetcher::new(path, "weights");
    let waiter =
        ModelProvisioner::new(FsCatalog::new(host.cache()).unwrap(), &toy).with_observer(observer);
    let token = CancelToken::new();
    std::thread::scope(|scope| {
        let first = scope.spawn(|| provisioner.provision(&request().cancelled_by(&token)));
        began.recv().unwrap();
        let same = scope.spawn(|| waiter.provision(&request()));
        while !is_waiting.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        end.send(End::Linger).unwrap();
        token.cancel();
        assert_eq!(first.join().unwrap().unwrap_err().code(), "cancelled");
        assert_eq!(same.join().unwrap().unwrap().provided, Provided::InPlace);
    });
    assert_eq!(toy.calls(), 1);
}

/// PROV-163
#[test]
fn different_models_do_not_wait_for_each_other() {
    let host = Host::new();
    let catalog = host.provisioner.catalog();
    let held = catalog.try_lock_model(&MODEL.parse().unwrap()).unwrap();
    let path = host.model("m.bin", "weights");
    host.provisioner
        .ensure_present(&reference(&path), None)
        .unwrap();
    let (slow, _, _) = Slow::new();
    let provisioner = ModelProvisioner::new(catalog, slow);
    let error = provisioner
        .provision(&request().timeout(Duration::from_millis(5)))
        .unwrap_err();
    assert_eq!(error.code(), "deadline_exceeded");
    assert!(error.to_string().contains("waiting"), "{error}");
    let holder = std::process::id().to_string();
    assert!(error.to_string().contains(&holder), "{error}");
    drop(held);
}

/// PROV-192
#[test]
fn a_call_ends_at_its_deadline_beside_a_holder_of_the_index_lock() {
    let host = Host::new();
    let catalog = host.provisioner.catalog();
    let path = host.model("m.bin", "weights");
    let (held, is_held) = mpsc::channel();
    let (release, is_released) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            catalog.update(|_| {
                held.send(()).unwrap();
                // Ends once the other side is dropped.
                let _ = is_released.recv();
                Ok(())
            })
        });
        is_held.recv().unwrap();
        let request = ProvisionRequest::new(reference(&path)).expecting(sha256(&path));
        let error = host
            .provisioner
            .provision(&request.timeout(Duration::from_millis(50)))
            .unwrap_err();
        assert_eq!(error.code(), "deadline_exceeded", "{error}");
        drop(release);
    });
}
