//! The main job from the command line: makes a model present, verified and registered.
//!
//! ```text
//! provision MODEL_REF [OPTION]...
//! ```

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line prints"
)]

mod arguments;
#[path = "../common/mod.rs"]
mod common;
mod show;

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use catalog_core::{
    Assurance, Basis, CancelToken, CatalogError, Digest, DigestAlgorithm, FileFetcher, FsCatalog,
    ModelRef,
};
use model_provisioner::network::{HfFetcher, HttpFetcher, NetworkConfig};
use model_provisioner::{
    Event, Freshness, Handoff, HfCliFetcher, ModelProvisioner, ProvisionError, ProvisionReport,
    ProvisionRequest, SchemeRouter,
};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use arguments::{Arguments, USAGE};
use show::Show;

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .without_time()
        .with_target(false)
        .with_max_level(tracing_subscriber::filter::LevelFilter::WARN)
        .init();
    let arguments = match Arguments::parse() {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            let _ = common::exit_code(Err(error));
            eprintln!("provision --help shows the options");
            return ExitCode::from(2);
        }
    };
    let Err(error) = run(&arguments) else {
        return ExitCode::SUCCESS;
    };
    if arguments.is_json {
        println!("{}", json_of_error(&*error, &arguments));
    }
    let hint = hint(&*error, &arguments);
    let is_cancelled = code(&*error) == Some("cancelled");
    let exit_code = common::exit_code(Err(error));
    if let Some(hint) = hint {
        eprintln!("  hint: {hint}");
    }
    match SIGNAL.load(Ordering::Relaxed) {
        signal if is_cancelled && signal > 0 => ExitCode::from(128 + signal),
        _ => exit_code,
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let begin = Instant::now();
    let show = Arc::new(Show::new(arguments.is_quiet));
    let observer = {
        let show = Arc::clone(&show);
        move |event: &Event| show.on_event(event)
    };
    let mut network = NetworkConfig::from_environment()?;
    network.allow_http = arguments.allows_http;
    if let Some(file) = &arguments.token_file {
        network.hub = network.hub.token_file(file);
    }
    let catalog = FsCatalog::new(&arguments.cache_dir)?;
    let store = catalog.artifacts();
    let router = SchemeRouter::new()
        .with(FileFetcher)
        .with(HttpFetcher::new(store, network.clone())?);
    let router = match arguments.runs_hf_command {
        true => router.with(HfCliFetcher::new(store)),
        false => router.with(HfFetcher::new(store, network)?),
    };
    let provisioner = ModelProvisioner::new(catalog, router)
        .with_observer(observer)
        .with_policy(arguments.policy.clone())?;
    let model_ref = ModelRef::parse(&arguments.model_ref)?;
    let token = CancelToken::new();
    cancel_at_signals(&token)?;
    let mut request = ProvisionRequest::new(model_ref)
        .cancelled_by(&token)
        .expecting(arguments.digest.clone())
        .files(arguments.patterns.clone());
    if let Some(time) = arguments.deadline {
        request = request.timeout(time);
    }
    if arguments.revalidates {
        request = request.freshness(Freshness::Revalidate);
    }
    let report = provisioner.provision(&request)?;
    let digest = match &report.digest {
        Some(digest) => digest.clone(),
        None => digest_of(&report, &show, &token)?,
    };
    match arguments.is_json {
        true => println!("{}", json(&report, &digest, begin.elapsed())?),
        false => print(&report, &digest, begin.elapsed())?,
    }
    Ok(())
}

/// The number of the signal that cancelled the call, or 0.
static SIGNAL: AtomicU8 = AtomicU8::new(0);

/// Cancels the call at the first SIGINT or SIGTERM. Ends the process at the second one.
fn cancel_at_signals(token: &CancelToken) -> std::io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let token = token.clone();
    thread::spawn(move || {
        for signal in signals.forever() {
            if SIGNAL.load(Ordering::Relaxed) > 0 {
                std::process::exit(128 + signal);
            }
            SIGNAL.store(u8::try_from(signal).unwrap_or_default(), Ordering::Relaxed);
            eprintln!("cancelling; a second signal ends the process at once");
            token.cancel();
        }
    });
    Ok(())
}

/// Returns advice for the user, if the message of the error gives none.
fn hint(error: &(dyn Error + 'static), arguments: &Arguments) -> Option<String> {
    let text = &arguments.model_ref;
    let is_name = text.matches('/').count() == 1 && !text.starts_with(['/', '.']);
    let reference = format!("hf:{text}");
    match code(error)? {
        "cancelled" | "deadline_exceeded" if !arguments.runs_hf_command => {
            let again = "run the same command again; it continues with the bytes that are saved";
            Some(again.to_owned())
        }
        "artifact_missing" if is_name && ModelRef::parse(&reference).is_ok() => {
            Some(format!("for a model of the hub write {reference}"))
        }
        _ => None,
    }
}

/// Returns the code of an error of the libraries.
fn code(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let of_store = || error.downcast_ref().map(CatalogError::code);
    error
        .downcast_ref()
        .map(ProvisionError::code)
        .or_else(of_store)
}

/// Hashes a model that nothing proves, so that the user can pin its digest.
fn digest_of(
    report: &ProvisionReport,
    show: &Show,
    token: &CancelToken,
) -> Result<Digest, CatalogError> {
    let path = &report.resolved.local_path;
    let algorithm = match path.is_dir() {
        true => DigestAlgorithm::Sha256Tree,
        false => DigestAlgorithm::Sha256,
    };
    let hashed = Digest::compute_or_stop(path, algorithm, &mut |progress| {
        show.show("hashing", progress);
        match token.is_cancelled() {
            true => Err(CatalogError::Cancelled),
            false => Ok(()),
        }
    });
    show.clear();
    hashed
}

fn print(report: &ProvisionReport, digest: &Digest, time: Duration) -> Result<(), Box<dyn Error>> {
    let outcome = match report.is_proven() {
        true => "verified: the bytes are the expected ones",
        false => "unverified: pass the digest above with --digest to pin it",
    };
    println!("id:       {}", report.resolved.id);
    println!("path:     {}", report.resolved.local_path.display());
    if let Some(revision) = &report.revision {
        println!("revision: {revision}");
    }
    let handoff = Handoff::of(report)?;
    for companion in &handoff.document().companions {
        println!("beside:   {}", companion.display());
    }
    if report.resolved.local_path.is_dir() {
        println!("files:    {}", report.file_names()?.len());
    }
    println!("size:     {} bytes", handoff.document().size);
    println!("digest:   {digest}");
    println!("outcome:  {outcome}");
    println!("proof:    {}", proof(&report.assurance));
    let bytes = report.bytes;
    println!(
        "bytes:    {} fetched, {} resumed, {} reused",
        bytes.fetched, bytes.resumed, bytes.reused
    );
    println!("duration: {:.3} s", time.as_secs_f64());
    Ok(())
}

fn proof(assurance: &Assurance) -> &'static str {
    match assurance.basis {
        Basis::Caller => "the digest of this call",
        Basis::Pin => "the digest of an earlier call",
        Basis::SourceHash => "a hash that the source states",
        Basis::SourceChecksum => "a checksum that the source states",
        Basis::Sizes => "only the size that the source states",
        Basis::OwnHash => "only the digest from the arrival of the bytes",
        _ => "nothing",
    }
}

fn json(
    report: &ProvisionReport,
    digest: &Digest,
    time: Duration,
) -> Result<String, Box<dyn Error>> {
    let bytes = report.bytes;
    let handoff = Handoff::of(report)?;
    let object = serde_json::json!({
        "id": report.resolved.id,
        "path": report.resolved.local_path,
        "size": handoff.document().size,
        "companions": handoff.document().companions,
        "digest": digest.to_string(),
        "is_verified": report.is_proven(),
        "proof": report.assurance.basis,
        "revision": report.revision,
        "files": report.file_names()?,
        "bytes": {
            "fetched": bytes.fetched,
            "resumed": bytes.resumed,
            "reused": bytes.reused,
        },
        "duration_ms": u64::try_from(time.as_millis())?,
    });
    Ok(object.to_string())
}

fn json_of_error(error: &(dyn Error + 'static), arguments: &Arguments) -> serde_json::Value {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    let causes: Vec<String> = causes.map(ToString::to_string).collect();
    serde_json::json!({
        "error": {
            "code": code(error),
            "message": error.to_string(),
            "causes": causes,
            "hint": hint(error, arguments),
        },
    })
}
