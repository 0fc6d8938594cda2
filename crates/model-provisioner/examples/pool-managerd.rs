//! A pool that turns ready only when its model is present and verified:
//! `pool-managerd MODEL_REF [--digest ALGORITHM:HEX] [--managed] [--engine ID] [--handoff FILE]
//! [--cache-dir DIR]`.
//!
//! It prints its progress, writes the handoff to the engine, starts the engine with the path of the
//! model, and prints `ready PATH`. The pool runs until its standard input ends. The report holds the
//! lease on the model for that long.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line prints"
)]

mod common;

use std::error::Error;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc;

use catalog_core::{
    Digest, EngineArtifact, EngineStore, FsEngineStore, ModelRef, default_model_cache_dir,
};
use model_provisioner::{
    Channel, EventKind, Handoff, ModelProvisioner, Policy, ProvisionReport, ProvisionRequest,
    StagingMode, Step, Traced,
};

fn main() -> ExitCode {
    common::exit_code(run())
}

fn run() -> Result<(), Box<dyn Error>> {
    use lexopt::prelude::{Long, Value, ValueExt};

    let (mut model_ref, mut digest, mut engine, mut handoff_file) = (None, None, None, None);
    let mut cache_dir = default_model_cache_dir();
    let mut policy = Policy::default();
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Value(value) if model_ref.is_none() => {
                model_ref = Some(ModelRef::parse(&value.string()?)?);
            }
            Long("digest") => digest = Some(parser.value()?.string()?.parse::<Digest>()?),
            Long("managed") => policy.staging = StagingMode::Managed,
            Long("engine") => engine = Some(parser.value()?.string()?),
            Long("handoff") => handoff_file = Some(PathBuf::from(parser.value()?)),
            Long("cache-dir") => cache_dir = PathBuf::from(parser.value()?),
            _ => return Err(argument.unexpected().into()),
        }
    }
    let model_ref = model_ref.ok_or("MODEL_REF is missing")?;
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();

    // Events arrive on a thread of their own: a slow terminal holds up no download.
    let (sender, events) = mpsc::channel();
    let observer = Channel::new(sender);
    let progress = std::thread::spawn(move || {
        let mut work = "fetching";
        for event in events {
            match event.kind {
                EventKind::Planned { step: Step::Import } => work = "importing",
                EventKind::Planned { step: Step::Repair } => work = "repairing",
                EventKind::Planned { .. } => work = "fetching",
                EventKind::Waiting { holder, progress } => {
                    eprintln!("waiting for {holder}: {} bytes so far", progress.done);
                }
                EventKind::Fetching(now) => eprintln!("{work}: {} bytes", now.done),
                EventKind::Verifying(now) if Some(now.done) == now.total => {
                    eprintln!("verified {} bytes", now.done);
                }
                _ => {}
            }
        }
    });
    let provisioner = ModelProvisioner::with_hf_cli(&cache_dir)?
        .with_policy(policy)?
        .with_observer((observer, Traced));
    let request = ProvisionRequest::new(model_ref).expecting(digest);
    let report = provisioner.provision(&request)?;
    if let Some(file) = &handoff_file {
        Handoff::of(&report)?.write(file)?;
    }
    let engine = match engine {
        Some(id) => Some(start_engine(
            &FsEngineStore::new(&cache_dir)?,
            &id,
            &report,
        )?),
        None => None,
    };
    println!("ready {}", report.resolved.local_path.display());

    std::io::stdin().read_to_end(&mut Vec::new())?;
    if let Some(mut engine) = engine {
        engine.kill()?;
        engine.wait()?;
    }
    // With the report, the lease ends: from here on the model can be removed.
    drop(report);
    drop(provisioner);
    progress
        .join()
        .map_err(|_| "the progress thread panicked")?;
    Ok(())
}

/// Starts the first local artifact of an engine with the path of the model.
fn start_engine(
    engines: &FsEngineStore,
    id: &str,
    report: &ProvisionReport,
) -> Result<Child, Box<dyn Error>> {
    let engine = engines.get(id)?;
    let engine = engine.ok_or_else(|| format!("the engine {id:?} is not registered"))?;
    let program = engine.artifacts.iter().find_map(|path| {
        let artifact = EngineArtifact::of(path).ok()?;
        matches!(artifact, EngineArtifact::Local(_)).then_some(path)
    });
    let program = program.ok_or_else(|| format!("the engine {id:?} has no local artifact"))?;
    tracing::info!(
        model_id = report.resolved.id,
        model_digest = report.digest.as_ref().map(ToString::to_string),
        engine_id = engine.id,
        engine_version = engine.version,
        engine_digest = engine.digest,
        "starting the engine"
    );
    let child = Command::new(program)
        .arg(&report.resolved.local_path)
        .stdin(Stdio::null())
        .spawn()?;
    Ok(child)
}
