//! Canary tokens through every flow; then everything that was said, written or passed as an argument
//! is searched for them. Web servers receive the secrets that belong to them and no other ones.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use catalog_core::{
    CancelToken, CatalogEntry, CatalogStore, FileFetcher, FsCatalog, LifecycleState, ModelRef,
};
use model_provisioner::{
    Event, EventKind, HfCliFetcher, ModelProvisioner, Policy, ProvisionRequest, SchemeRouter,
    Traced,
};

use super::hub::{chain, repository, tools};
use super::secret_requests::try_requests;
use super::secret_texts::try_ids_and_texts;
use crate::figure::{Measured, Outcome, Sabotage, Trial};
use crate::hub::{Faults, Hub};
use crate::strace::program;

/// The texts that may never show. The last one only proves that the search works.
pub(super) const CANARIES: [&str; 4] = [
    "hf_canary31415926",
    "canarypassword2718",
    "canarysignature1618",
    "canarycontrol0000",
];

/// References with a secret in them.
pub(super) const REFERENCES: [&str; 5] = [
    "https://user:canarypassword2718@host.invalid/m.gguf",
    "https://host.invalid/m.gguf?part=1&X-Amz-Signature=canarysignature1618",
    "https://canarypassword2718@host.invalid/m.gguf?token=canarysignature1618",
    "s3://canarypassword2718:x@bucket/key",
    "oci://user:canarypassword2718@registry.invalid/model:1",
];

pub(super) fn measure(trial: Trial) -> Outcome {
    let tools = match tools() {
        Ok(tools) => tools,
        Err(reason) => return Outcome::Skipped(reason),
    };
    let mut measured = Measured::of(trial);
    match try_requests(trial.sabotage, &mut measured) {
        Ok(flows) => measured.at_least(7, "flows with requests to several servers", flows),
        Err(error) => measured.violation(error),
    }
    let mut flows = 0;
    for tool in &tools {
        if measured.is_hopeless() {
            break;
        }
        match try_flows(tool, trial.sabotage, &mut measured) {
            Ok(tried) => flows += tried,
            Err(error) => measured.violation(error),
        }
    }
    measured.at_least(2 * 23, "flows", flows);
    Outcome::Measured(measured)
}

/// Tells how many flows there were.
fn try_flows(tool: &Path, sabotage: Sabotage, measured: &mut Measured) -> Result<usize, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let path = |name: &str| folder.path().join(name);
    for name in ["tmp", "home"] {
        fs::create_dir(path(name)).map_err(|error| error.to_string())?;
    }
    let mut process = Command::new(program())
        .arg("--secrets")
        .args([tool, &path("root"), &path("said")])
        .env("TMPDIR", path("tmp"))
        .env("HOME", path("home"))
        .env("HF_HOME", path("home"))
        .stderr(fs::File::create(path("stderr")).map_err(|error| error.to_string())?)
        .spawn()
        .map_err(|error| error.to_string())?;
    let mut arguments = Vec::new();
    let status = loop {
        arguments.extend(command_lines());
        match process.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) => std::thread::sleep(Duration::from_millis(2)),
            Err(error) => return Err(error.to_string()),
        }
    };
    if sabotage == Sabotage::Leak {
        let leaked = fs::write(path("tmp").join("leak"), REFERENCES[0]);
        leaked.map_err(|error| error.to_string())?;
    }
    let said = fs::read_to_string(path("said")).unwrap_or_default();
    if !status.success() {
        let stderr = fs::read_to_string(path("stderr")).unwrap_or_default();
        return Err(format!("{status}: {stderr}"));
    }
    let name = tool.file_name().unwrap_or_default().to_string_lossy();
    let is_seen = arguments
        .iter()
        .any(|line| line.windows(8).any(|word| word == b"download"));
    measured.check(is_seen, || format!("no arguments of {name} were seen"));
    fs::write(path("control"), CANARIES[3]).map_err(|error| error.to_string())?;

    let mut places: Vec<(String, Vec<u8>)> = arguments
        .into_iter()
        .map(|line| ("arguments".to_owned(), line))
        .collect();
    for file in files_below(folder.path()) {
        let bytes = fs::read(&file).unwrap_or_default();
        places.push((file.display().to_string(), bytes));
        // Names count as well.
        places.push(("a name".to_owned(), file.display().to_string().into_bytes()));
    }
    for canary in CANARIES {
        let found = places.iter().filter(|(_, bytes)| has(bytes, canary));
        let found: Vec<&String> = found.map(|(place, _)| place).collect();
        if canary == CANARIES[3] {
            measured.check(!found.is_empty(), || "the search finds nothing".to_owned());
        } else {
            measured.check(found.is_empty(), || {
                format!("{canary} with {name}: {found:?}")
            });
        }
    }
    Ok(said
        .lines()
        .filter(|line| line.starts_with("flow "))
        .count())
}

pub(super) fn has(bytes: &[u8], canary: &str) -> bool {
    bytes
        .windows(canary.len())
        .any(|part| part == canary.as_bytes())
}

/// The arguments of all processes.
fn command_lines() -> Vec<Vec<u8>> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|entry| fs::read(entry.path().join("cmdline")).ok())
        .filter(|line| !line.is_empty())
        .collect()
}

pub(super) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                _ => files.push(entry.path()),
            }
        }
    }
    files
}

/// Where everything that is said goes.
#[derive(Clone)]
pub(super) struct Said(Arc<Mutex<fs::File>>);

impl Said {
    /// Makes a file, to which everything that is logged goes from now on.
    pub(super) fn log_to(path: &Path) -> Result<Self, String> {
        let file = fs::File::create(path).map_err(|error| error.to_string())?;
        let said = Self(Arc::new(Mutex::new(file)));
        let log = said.clone();
        tracing_subscriber::fmt()
            .with_writer(move || log.clone())
            .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
            .with_ansi(false)
            .init();
        Ok(said)
    }
}

impl Write for Said {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut file = self
            .0
            .lock()
            .map_err(|_| std::io::Error::other("a panic"))?;
        file.write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

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
