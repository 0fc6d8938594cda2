//! A pool that turns ready only when its model is present and verified:
//! `pool-managerd MODEL_REF [--digest ALGORITHM:HEX] [--managed] [--handoff FILE] [--cache-dir DIR]`.
//!
//! It prints its progress, writes the handoff to the engine, and prints `ready PATH`. The pool runs until
//! its standard input ends. The report holds the lease on the model for that long.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line prints"
)]

mod common;

use std::error::Error;
use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc;

use catalog_core::{Digest, ModelRef, default_model_cache_dir};
use model_provisioner::{
    Channel, EventKind, Handoff, ModelProvisioner, Policy, ProvisionRequest, StagingMode, Step,
};

fn main() -> ExitCode {
    common::exit_code(run())
}

fn run() -> Result<(), Box<dyn Error>> {
    use lexopt::prelude::{Long, Value, ValueExt};

    let (mut model_ref, mut digest, mut handoff_file) = (None, None, None);
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
            Long("handoff") => handoff_file = Some(PathBuf::from(parser.value()?)),
            Long("cache-dir") => cache_dir = PathBuf::from(parser.value()?),
            _ => return Err(argument.unexpected().into()),
        }
    }
    let model_ref = model_ref.ok_or("MODEL_REF is missing")?;

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
    let provisioner = ModelProvisioner::with_hf_cli(cache_dir)?
        .with_policy(policy)?
        .with_observer(observer);
    let request = ProvisionRequest::new(model_ref).expecting(digest);
    let report = provisioner.provision(&request)?;
    if let Some(file) = &handoff_file {
        Handoff::of(&report)?.write(file)?;
    }
    println!("ready {}", report.resolved.local_path.display());

    std::io::stdin().read_to_end(&mut Vec::new())?;
    // With the report, the lease ends: from here on the model can be removed.
    drop(report);
    drop(provisioner);
    progress
        .join()
        .map_err(|_| "the progress thread panicked")?;
    Ok(())
}
