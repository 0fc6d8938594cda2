//! The flows with a command of the hub.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use catalog_core::{
    CancelToken, CatalogEntry, CatalogStore, FileFetcher, FsCatalog, LifecycleState, ModelRef,
};
use model_provisioner::{
    Event, EventKind, HfCliFetcher, ModelProvisioner, Policy, ProvisionRequest, SchemeRouter,
    Traced,
};

use super::canaries::{CANARIES, REFERENCES};
use super::hub::{chain, repository};
use super::said::Said;
use super::texts::try_ids_and_texts;
use crate::hub::{Faults, Hub};

/// The process of the flows: `COMMAND ROOT SAID`.
pub fn run_secrets(arguments: &[String]) -> Result<(), String> {
    let [command, root, said] = arguments else {
        return Err("COMMAND ROOT SAID".to_owned());
    };
    let text = |error: &dyn std::error::Error| chain(error);
    let mut said = Said::log_to(Path::new(said))?;
    let hub = Hub::start().map_err(|error| error.to_string())?;
    hub.put("org/repo", "main", repository().gated_by(CANARIES[0]));
    let catalog = || FsCatalog::new(root).map_err(|error| error.to_string());

    let flow = |name: &str,
                token: &str,
                reference: &str,
                policy: Policy,
                cancel: bool|
     -> Result<String, String> {
        let catalog = catalog()?;
        let fetcher = HfCliFetcher::new(catalog.artifacts())
            .command(command)
            .endpoint(
                hub.endpoint()
                    .replace("http://", "http://u:canarypassword2718@"),
            )
            .token(token);
        let plain = HfCliFetcher::new(catalog.artifacts())
            .command(command)
            .endpoint(hub.endpoint())
            .token(token);
        let mut heard = format!("flow {name}\n{fetcher:?}\n");
        let router = SchemeRouter::new().with(plain).with(FileFetcher);
        let cancelling = CancelToken::new();
        let began = Instant::now();
        let events = Arc::new(Mutex::new(String::new()));
        let observer = {
            let (cancelling, events) = (cancelling.clone(), Arc::clone(&events));
            move |event: &Event| {
                // The download takes longer than that, and its arguments are seen meanwhile.
                let is_due = began.elapsed() > Duration::from_secs(2);
                if cancel && is_due && matches!(event.kind, EventKind::Fetching(_)) {
                    cancelling.cancel();
                }
                if let Ok(mut events) = events.lock() {
                    events.push_str(&format!("{event:?}\n"));
                }
            }
        };
        let provisioner = ModelProvisioner::new(catalog, router)
            .with_policy(policy)
            .map_err(|error| error.to_string())?
            .with_observer((observer, Traced));
        heard.push_str(&format!("{provisioner:?}\n"));
        let model_ref = match ModelRef::parse(reference) {
            Ok(model_ref) => model_ref,
            Err(error) => return Ok(format!("{heard}{error:?} {}", text(&error))),
        };
        let request = ProvisionRequest::new(model_ref).cancelled_by(&cancelling);
        heard.push_str(&format!("{request:?}\n"));
        match provisioner.provision(&request) {
            Ok(report) => heard.push_str(&format!("{report:?}\n")),
            Err(error) => heard.push_str(&format!("{error:?} {}\n", text(&error))),
        }
        if let Ok(events) = events.lock() {
            heard.push_str(&events);
        }
        Ok(heard)
    };
    let mut note = |heard: String| writeln!(said, "{heard}").map_err(|error| error.to_string());
    let by_default = Policy::default;
    let mut offline = Policy::default();
    offline.offline = true;

    note(flow("offline", CANARIES[0], "hf:org/repo", offline, false)?)?;
    note(flow(
        "wrong token",
        "hf_wrong",
        "hf:org/repo",
        by_default(),
        false,
    )?)?;
    note(flow(
        "right token",
        CANARIES[0],
        "hf:org/repo",
        by_default(),
        false,
    )?)?;
    note(flow(
        "again",
        CANARIES[0],
        "hf:org/repo",
        by_default(),
        false,
    )?)?;
    note(flow(
        "no file",
        CANARIES[0],
        "hf:org/repo/none",
        by_default(),
        false,
    )?)?;
    note(flow(
        "no repository",
        CANARIES[0],
        "hf:org/none",
        by_default(),
        false,
    )?)?;
    hub.fail(Faults {
        pause: Duration::from_millis(20),
        ..Faults::default()
    });
    let slow = "hf:org/repo/weights.bin";
    note(flow("cancelled", CANARIES[0], slow, by_default(), true)?)?;
    hub.fail(Faults {
        cut_bodies: 100,
        ..Faults::default()
    });
    note(flow("cut", CANARIES[0], slow, by_default(), false)?)?;
    for reference in REFERENCES {
        note(flow("a URL", CANARIES[0], reference, by_default(), false)?)?;
    }
    // A URL with secrets may be registered by its id, which has none.
    let model = Path::new(root).with_file_name("model.bin");
    fs::write(&model, "weights").map_err(|error| error.to_string())?;
    for reference in REFERENCES {
        let Ok(model_ref) = ModelRef::parse(reference) else {
            continue;
        };
        let Ok(id) = model_ref.id() else {
            continue;
        };
        let catalog = catalog()?;
        let entry = CatalogEntry {
            id,
            local_path: model.clone(),
            lifecycle: LifecycleState::Active,
            digest: None,
            last_verified_ms: None,
        };
        let mut heard = format!("flow registered\n{entry:?} {:?}\n", catalog.put(&entry));
        let raw = CatalogEntry {
            id: reference.to_owned(),
            ..entry
        };
        heard.push_str(&match catalog.put(&raw) {
            Ok(()) => "taken".to_owned(),
            Err(error) => format!("{error:?} {}", text(&error)),
        });
        note(heard)?;
        note(flow(
            "registered",
            CANARIES[0],
            reference,
            by_default(),
            false,
        )?)?;
    }
    try_ids_and_texts(&catalog()?, &model, &mut note)
}
