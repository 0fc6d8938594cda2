//! The daemons.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use catalog_core::maintenance::CollectionPolicy;
use catalog_core::{
    CatalogError, CatalogStore, EngineEntry, EngineStore, FsCatalog, FsEngineStore, Import,
    ImportRequest, ModelId, ResolvedModel,
};
use model_fetchers::HttpFetcher;
use model_provisioner::ModelProvisioner;

use super::number_in;
use super::source::{FETCHERS, fetch, is_of_source};
use crate::figures::contention::increment;
use crate::figures::net_faults::network;
use crate::state::{CONTENT, described, source};
use crate::toy::ToyFetcher;

pub(super) const WRITERS: [&str; 2] = ["writer-1", "writer-2"];

/// Imports managed models, and deletes them again.
pub(super) const IMPORTER: &str = "importer";

/// Collects what nobody needs.
pub(super) const COLLECTOR: &str = "collector";

/// Provisions models, serves them under a lease, and deletes them now and then: a `pool-managerd`.
pub(super) const POOL: &str = "pool";

/// Provisions the same models, and registers an engine after each: an `engine-provisioner`.
pub(super) const BUILDER: &str = "builder";

/// Imports a model, looks at its bytes, and deletes it, under one of a few ids in turn.
fn import_and_delete(catalog: &FsCatalog, number: u64) -> catalog_core::Result<()> {
    let id = ModelId::new(format!("{IMPORTER}-{}", number % 4))?;
    let source = source(catalog.root());
    let mut request = ImportRequest::new(&id, &source);
    request.how = Import::Copy;
    let entry = catalog.import(&request, &mut |_| Ok(()))?;
    if fs::read(&entry.local_path).ok().as_deref() != Some(CONTENT) {
        return Err(CatalogError::ArtifactChanged {
            path: entry.local_path,
        });
    }
    if number.is_multiple_of(2) {
        catalog.delete(&id)?;
    }
    Ok(())
}

/// The models that both daemons provision, in turn.
fn provision(catalog: &FsCatalog, number: u64) -> Result<ResolvedModel, String> {
    let provisioner = ModelProvisioner::new(catalog, ToyFetcher::of(CONTENT));
    let found = provisioner.ensure_present_str(&format!("hf:org/model-{}", number % 3), None);
    found.map_err(|error| described(error.code(), &error))
}

fn serve(catalog: &FsCatalog, number: u64) -> Result<(), String> {
    let found = provision(catalog, number)?;
    let lease = match catalog.lease(&found.id) {
        Ok(lease) => lease,
        // Only this daemon deletes; a collection may not.
        Err(error) => return Err(described(error.code(), &error)),
    };
    if fs::read(&found.local_path).ok().as_deref() != Some(CONTENT) {
        return Err(format!("{} is not what was provisioned", found.id));
    }
    drop(lease);
    if number.is_multiple_of(4) {
        let deleted = catalog.delete(&found.id);
        deleted.map_err(|error| described(error.code(), &error))?;
    }
    Ok(())
}

fn build(catalog: &FsCatalog, number: u64) -> Result<(), String> {
    let text = |error: CatalogError| described(error.code(), &error);
    provision(catalog, number)?;
    let engines = FsEngineStore::new(catalog.root()).map_err(text)?;
    let entry = EngineEntry {
        id: BUILDER.to_owned(),
        engine: "engine".to_owned(),
        version: number.to_string(),
        build_ref: None,
        digest: None,
        build_flags: None,
        artifacts: Vec::new(),
        created_ms: 0,
    };
    engines.put(&entry).map_err(text)
}

fn collect(catalog: &FsCatalog) -> catalog_core::Result<()> {
    let plan = catalog.plan_collection(&CollectionPolicy::default())?;
    catalog.collect(&plan).map(drop)
}

/// Returns the file that counts the calls of a daemon that were refused for want of space.
pub(super) fn refused_file(answers: &Path) -> PathBuf {
    answers.with_extension("refused")
}

/// Whether an error, with its sources, says that the disk is full.
fn is_for_space(error: &str) -> bool {
    let is_shared = error.starts_with("failed_elsewhere") && error.contains("(no_space)");
    is_shared || error.starts_with("no_space") || error.contains("(os error 28)")
}

/// A file that a daemon adds lines to. One write is whole or not there after a kill.
struct Lines(fs::File);

impl Lines {
    fn of(path: &Path) -> Result<Self, String> {
        let file = fs::OpenOptions::new().append(true).create(true).open(path);
        file.map(Self).map_err(|error| error.to_string())
    }

    fn add(&mut self, line: &str) -> Result<(), String> {
        let added = self.0.write_all(format!("{line}\n").as_bytes());
        added.map_err(|error| error.to_string())
    }
}

/// Returns the file that counts the calls of a daemon that failed because of the server.
pub(super) fn failed_file(answers: &Path) -> PathBuf {
    answers.with_extension("failed")
}

/// A daemon: `ROOT ANSWERS ROLE URL`, for ever.
pub fn run_daemon(arguments: &[String]) -> Result<(), String> {
    let [root, answers, role, url] = arguments else {
        return Err("ROOT ANSWERS ROLE URL".to_owned());
    };
    let text = |error: CatalogError| described(error.code(), &error);
    let catalog = FsCatalog::new(root).map_err(text)?;
    let mut told = Lines::of(Path::new(answers))?;
    let mut refused = Lines::of(&refused_file(Path::new(answers)))?;
    let mut failed = Lines::of(&failed_file(Path::new(answers)))?;
    let fetcher = HttpFetcher::new(catalog.artifacts(), network()).map_err(text)?;
    let mut number = number_in(Path::new(answers));
    let mut seen = [0_u64; WRITERS.len()];
    loop {
        let done = match role.as_str() {
            IMPORTER => import_and_delete(&catalog, number + 1).map_err(text),
            POOL => serve(&catalog, number + 1),
            BUILDER => build(&catalog, number + 1),
            role if FETCHERS.contains(&role) => fetch(&catalog, &fetcher, url, role, number + 1),
            COLLECTOR => collect(&catalog).map_err(text),
            "reader" => {
                read(&catalog, &mut seen)?;
                number += 1;
                if number.is_multiple_of(64) {
                    told.add(&number.to_string())?;
                }
                continue;
            }
            writer => match increment(&catalog, &[writer]) {
                Ok(now) => {
                    told.add(&now.to_string())?;
                    continue;
                }
                Err(error) => Err(text(error)),
            },
        };
        match done {
            Ok(()) => {
                number += 1;
                told.add(&number.to_string())?;
            }
            Err(error) if is_for_space(&error) => refused.add(&error)?,
            Err(error) if FETCHERS.contains(&role.as_str()) && is_of_source(&error) => {
                // The next call is for the next model.
                number += 1;
                failed.add(&error)?;
            }
            Err(error) => return Err(format!("{role}: {error}")),
        }
    }
}

/// Reads the numbers of both writers. None goes back, and nothing fails.
fn read(catalog: &FsCatalog, seen: &mut [u64; WRITERS.len()]) -> Result<(), String> {
    for (writer, seen) in WRITERS.iter().zip(seen) {
        let entry = catalog.get(writer);
        let entry = entry.map_err(|error| described(error.code(), &error))?;
        let now = entry.and_then(|entry| entry.last_verified_ms).unwrap_or(0);
        if now < *seen {
            return Err(format!("{writer} went back from {seen} to {now}"));
        }
        *seen = now;
    }
    Ok(())
}
