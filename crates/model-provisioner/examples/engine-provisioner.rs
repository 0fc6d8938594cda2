//! Provisions a model, so that a new engine can be tried with it, and registers the engine:
//! `engine-provisioner MODEL_REF --engine NAME --version VERSION [--cache-dir DIR] ARTIFACT…`.
//!
//! Prints the registered engine as JSON.

#![expect(clippy::print_stdout, reason = "a command line prints")]

mod common;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use catalog_core::{
    Digest, EngineEntry, EngineStore, FsEngineStore, ModelRef, default_model_cache_dir,
};
use model_provisioner::{ModelProvisioner, ProvisionRequest};

fn main() -> ExitCode {
    common::exit_code(run())
}

fn run() -> Result<(), Box<dyn Error>> {
    use lexopt::prelude::{Long, Value, ValueExt};

    let (mut model_ref, mut engine, mut version) = (None, None, None);
    let mut artifacts: Vec<PathBuf> = Vec::new();
    let mut cache_dir = default_model_cache_dir();
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Value(value) if model_ref.is_none() => {
                model_ref = Some(ModelRef::parse(&value.string()?)?);
            }
            Value(value) => artifacts.push(std::path::absolute(PathBuf::from(value))?),
            Long("engine") => engine = Some(parser.value()?.string()?),
            Long("version") => version = Some(parser.value()?.string()?),
            Long("cache-dir") => cache_dir = PathBuf::from(parser.value()?),
            _ => return Err(argument.unexpected().into()),
        }
    }
    let model_ref = model_ref.ok_or("MODEL_REF is missing")?;
    let (engine, version) = (
        engine.ok_or("--engine is missing")?,
        version.ok_or("--version is missing")?,
    );
    let binary = artifacts.first().ok_or("ARTIFACT is missing")?;

    let provisioner = ModelProvisioner::with_hf_cli(&cache_dir)?;
    // The report holds a lease: the model stays while the engine that was built is tried with it.
    let report = provisioner.provision(&ProvisionRequest::new(model_ref))?;
    let created = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
    let entry = EngineEntry {
        id: format!("{engine}-{version}"),
        digest: Some(Digest::of_file(binary)?.to_string()),
        engine,
        version,
        build_ref: None,
        build_flags: None,
        artifacts,
        created_ms: i64::try_from(created)?,
    };
    let engines = FsEngineStore::new(&cache_dir)?;
    engines.put(&entry)?;
    drop(report);
    println!("{}", serde_json::to_string(&engines.get(&entry.id)?)?);
    Ok(())
}
