//! A source that counts its calls, and callers of it that wait for each other.

use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use catalog_core::fetching::{KnownSource, SourceState};
use catalog_core::{
    Basis, CatalogError, Expectation, FetchProblem, FetchTask, Fetched, FsCatalog, ModelFetcher,
    ModelRef, Progress, ResolvedModel, Result, Staging,
};
use model_provisioner::{
    Event, EventKind, Freshness, ModelProvisioner, ProvisionError, ProvisionReport,
    ProvisionRequest,
};

pub(super) const MODEL: &str = "hf:org/repo";
pub(super) const CALLERS: usize = 12;

pub(super) fn request() -> ProvisionRequest {
    ProvisionRequest::new(ModelRef::parse(MODEL).unwrap())
}

pub(super) fn anew() -> ProvisionRequest {
    request().freshness(Freshness::Revalidate)
}

/// A source that counts its calls. Each call ends once the awaited number of callers wait.
#[derive(Default)]
pub(super) struct Source {
    calls: AtomicUsize,
    pub(super) waiting: Mutex<usize>,
    pub(super) is_awaited: Condvar,
    awaited: usize,
    is_failing: bool,
    /// More of the message of its failure.
    message: String,
    credentials: Option<String>,
}

impl Source {
    pub(super) fn awaiting(awaited: usize) -> Self {
        Self {
            awaited,
            ..Self::default()
        }
    }

    /// The same source, whose calls fail.
    pub(super) fn failing(self) -> Self {
        Self {
            is_failing: true,
            ..self
        }
    }

    /// The same source, with more in the message of its failure.
    pub(super) fn saying(self, message: String) -> Self {
        Self { message, ..self }
    }

    /// The same source, asked with these credentials.
    pub(super) fn asked_with(self, credentials: &str) -> Self {
        Self {
            credentials: Some(credentials.to_owned()),
            ..self
        }
    }

    /// Notes that one more caller waits.
    pub(super) fn note_waiter(&self) {
        *self.waiting.lock().unwrap() += 1;
        self.is_awaited.notify_all();
    }

    pub(super) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    fn answer(&self, mr: &ModelRef) -> Result<()> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let waiting = self.waiting.lock().unwrap();
        let is_lonely = |now: &mut usize| *now < self.awaited;
        drop(self.is_awaited.wait_while(waiting, is_lonely).unwrap());
        match self.is_failing {
            false => Ok(()),
            true => {
                let detail = format!("the command failed {}", self.message);
                Err(CatalogError::fetch(mr, FetchProblem::Failed, detail))
            }
        }
    }
}

/// A fetcher of that source.
#[derive(Clone)]
pub(super) struct Fetcher(pub(super) Arc<Source>);

impl ModelFetcher for Fetcher {
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
        _: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<Fetched> {
        self.0.answer(task.model_ref)?;
        stage(staging, b"weights")
    }
    fn source_state(
        &self,
        task: &FetchTask<'_>,
        _: &KnownSource<'_>,
        _: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<SourceState> {
        self.0.answer(task.model_ref)?;
        Ok(SourceState::Unchanged)
    }
    fn credentials_id(&self, _: &ModelRef) -> Option<String> {
        self.0.credentials.clone()
    }
}

pub(super) fn stage(staging: &mut Staging, bytes: &[u8]) -> Result<Fetched> {
    let mut file = staging.create("model.bin")?;
    file.write_all(bytes).unwrap();
    file.finish()?;
    let mut fetched = Fetched::new(Expectation::default());
    fetched.basis = Basis::SourceHash;
    Ok(fetched)
}

/// Asks as one caller. The caller notes once that it waits.
pub(super) fn ask(
    catalog: &FsCatalog,
    source: &Arc<Source>,
    request: &ProvisionRequest,
) -> Result<ProvisionReport, ProvisionError> {
    let (awaited, has_waited) = (Arc::clone(source), AtomicBool::new(false));
    let observer = move |event: &Event| {
        let is_waiting = matches!(event.kind, EventKind::Waiting { .. });
        if is_waiting && !has_waited.swap(true, Ordering::SeqCst) {
            awaited.note_waiter();
        }
    };
    ModelProvisioner::new(catalog.clone(), Fetcher(Arc::clone(source)))
        .with_observer(observer)
        .provision(request)
}

/// Asks as many callers at once, and returns their answers.
pub(super) fn ask_at_once(
    catalog: &FsCatalog,
    source: &Arc<Source>,
    request: &ProvisionRequest,
) -> Vec<Result<ProvisionReport, ProvisionError>> {
    std::thread::scope(|scope| {
        let calls: Vec<_> = (0..CALLERS)
            .map(|_| scope.spawn(|| ask(catalog, source, request)))
            .collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    })
}

/// Registers the model by a fetch.
pub(super) fn fetch(catalog: &FsCatalog) {
    let source = Arc::new(Source::default());
    ask(catalog, &source, &request()).unwrap();
}
