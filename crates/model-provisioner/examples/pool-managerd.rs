//! A pool that turns ready only when its model is present and verified:
//! `pool-managerd MODEL_REF [--digest ALGORITHM:HEX] [--managed] [--handoff FILE] [--cache-dir DIR]`.
//!
//! Says how far it is, takes a lease on the model, writes what the engine's start needs to know, and
//! prints `ready PATH`. The pool runs, and the lease is held, until its standard input ends.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line prints"
)]

use std::io::Read;
use std::path::PathBuf;

use catalog_core::{Digest, ModelRef, default_model_cache_dir};
use model_provisioner::{
    Channel, EventKind, Handoff, ModelProvisioner, Policy, ProvisionRequest, StagingMode,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
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
    let (observer, events) = Channel::new();
    let progress = std::thread::spawn(move || {
        for event in events {
            match event.kind {
                EventKind::Waiting { holder, progress } => {
                    eprintln!("waiting for {holder}: {} bytes so far", progress.done);
                }
                EventKind::Fetching(now) => eprintln!("fetching: {} bytes", now.done),
                EventKind::Verifying(now) if Some(now.done) == now.total => {
                    eprintln!("verified {} bytes", now.done);
                }
                _ => {}
            }
        }
    });
    let provisioner = ModelProvisioner::with_hf_cli(cache_dir)?
        .with_policy(policy)
        .with_observer(observer);
    let request = ProvisionRequest::new(model_ref).expecting(digest);
    let report = provisioner.provision(&request)?;
    // From here on nobody removes it, whatever happens to its entry.
    let lease = provisioner.catalog().lease(&report.resolved.id)?;
    if let Some(file) = &handoff_file {
        Handoff::of(&report)?.write(file)?;
    }
    println!("ready {}", report.resolved.local_path.display());

    std::io::stdin().read_to_end(&mut Vec::new())?;
    drop(lease);
    drop(provisioner);
    progress
        .join()
        .map_err(|_| "the progress thread panicked")?;
    Ok(())
}
