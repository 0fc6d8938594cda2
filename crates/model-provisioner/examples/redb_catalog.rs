//! A catalog of a third party: keeps its entries in a redb database, and its models below a root.
//!
//! ```text
//! redb_catalog MODEL_REF [ROOT]
//! ```
//!
//! It implements the five methods of [`CatalogStore`] with public items only. [`CatalogRoot`] has the
//! rules of entries, paths and deletion. The database locks its file, so one process uses it at a
//! time; daemons that share a root use [`FsCatalog`](catalog_core::FsCatalog).

#![expect(clippy::print_stdout, reason = "a command line prints")]

mod common;

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use catalog_core::{
    CatalogEntry, CatalogError, CatalogRoot, CatalogStore, Expected, FileFetcher, LifecycleState,
    Result, default_model_cache_dir,
};
use model_provisioner::ModelProvisioner;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

/// The entry of each id, as JSON.
const ENTRIES: TableDefinition<&str, &str> = TableDefinition::new("entries");

/// The name of the database in the root.
const FILE: &str = "catalog.redb";

/// A catalog in a redb database.
struct RedbCatalog {
    root: CatalogRoot,
    database: Database,
    file: PathBuf,
}

/// The entries in a write transaction.
type Entries<'t> = redb::Table<'t, &'static str, &'static str>;
/// The entries in a read transaction.
type ReadEntries = redb::ReadOnlyTable<&'static str, &'static str>;

impl RedbCatalog {
    fn open(root: impl AsRef<Path>) -> Result<Self> {
        let root = CatalogRoot::open(root)?.reserving(FILE);
        let file = root.path().join(FILE);
        let database = Database::create(&file).map_err(|error| failed("open", &file, error))?;
        let catalog = Self {
            root,
            database,
            file,
        };
        catalog.change(|_| Ok(()))?; // creates the table
        Ok(catalog)
    }

    /// Runs a change in a transaction. The change is durable when this returns `Ok`, and undone
    /// otherwise. redb runs one write transaction at a time.
    fn change<T>(&self, change: impl FnOnce(&mut Entries<'_>) -> Result<T>) -> Result<T> {
        let failed = |error: redb::Error| failed("write", &self.file, error);
        let write = self
            .database
            .begin_write()
            .map_err(|error| failed(error.into()))?;
        let mut entries = write
            .open_table(ENTRIES)
            .map_err(|error| failed(error.into()))?;
        let changed = change(&mut entries)?;
        drop(entries);
        let committed = write.commit();
        committed.map_err(|error| CatalogError::OutcomeUnknown {
            path: self.file.clone(),
            action: "committing",
            source: io::Error::other(error),
        })?;
        Ok(changed)
    }

    /// Runs a look in a read transaction.
    fn look<T>(&self, look: impl FnOnce(&ReadEntries) -> Result<T>) -> Result<T> {
        let failed = |error: redb::Error| failed("read", &self.file, error);
        let read = self.database.begin_read();
        let read = read.map_err(|error| failed(error.into()))?;
        let entries = read.open_table(ENTRIES);
        look(&entries.map_err(|error| failed(error.into()))?)
    }

    fn read(
        &self,
        entries: &impl ReadableTable<&'static str, &'static str>,
        id: &str,
    ) -> Result<Option<CatalogEntry>> {
        let found = entries
            .get(id)
            .map_err(|error| failed("read", &self.file, error))?;
        found.map(|json| self.parse(json.value())).transpose()
    }

    fn read_all(
        &self,
        entries: &impl ReadableTable<&'static str, &'static str>,
    ) -> Result<Vec<CatalogEntry>> {
        let failed = |error| failed("read", &self.file, error);
        let rows = entries.iter().map_err(failed)?;
        rows.map(|row| self.parse(row.map_err(failed)?.1.value()))
            .collect()
    }

    fn write(&self, entries: &mut Entries<'_>, entry: &CatalogEntry) -> Result<()> {
        let json =
            serde_json::to_string(entry).map_err(|error| failed("encode", &self.file, error))?;
        let written = entries.insert(entry.id.as_str(), json.as_str());
        written
            .map(drop)
            .map_err(|error| failed("write", &self.file, error))
    }

    fn parse(&self, json: &str) -> Result<CatalogEntry> {
        serde_json::from_str(json).map_err(|error| CatalogError::IndexDamaged {
            path: self.file.clone(),
            detail: error.to_string(),
            repair: "restore the database from a backup",
        })
    }
}

/// Returns the error of a database, as the contract of [`CatalogStore`] has it.
fn failed(
    action: &'static str,
    path: &Path,
    error: impl Into<Box<dyn Error + Send + Sync>>,
) -> CatalogError {
    CatalogError::Io {
        action,
        path: path.to_path_buf(),
        source: io::Error::other(error),
    }
}

impl CatalogStore for RedbCatalog {
    fn get(&self, id: &str) -> Result<Option<CatalogEntry>> {
        self.look(|entries| self.read(entries, id))
    }

    fn put(&self, entry: &CatalogEntry) -> Result<()> {
        self.put_if(entry, Expected::Any)
    }

    fn set_state(&self, id: &str, state: LifecycleState) -> Result<()> {
        self.change(|entries| match self.read(entries, id)? {
            None => Err(CatalogError::NotFound {
                id: id.to_owned(),
                catalog: self.file.clone(),
            }),
            Some(mut entry) => {
                entry.lifecycle = state;
                self.write(entries, &entry)
            }
        })
    }

    fn list(&self) -> Result<Vec<CatalogEntry>> {
        self.look(|entries| self.read_all(entries))
    }

    fn delete(&self, id: &str) -> Result<bool> {
        let deleted = self.change(|entries| {
            let deleted = self.read(entries, id)?;
            let removed = entries.remove(id).map(drop);
            removed.map_err(|error| failed("write", &self.file, error))?;
            Ok(deleted)
        })?;
        match deleted {
            None => Ok(false),
            // In a transaction, so that no entry for the same files is put meanwhile.
            Some(deleted) => self.change(|entries| {
                let others = self.read_all(entries)?;
                self.root.remove_model(&deleted, &others)?;
                Ok(true)
            }),
        }
    }

    /// Compares and writes in one transaction. The provided method does both in two steps.
    fn put_if(&self, entry: &CatalogEntry, expected: Expected<'_, CatalogEntry>) -> Result<()> {
        let entry = self.root.check_model(entry)?;
        self.change(|entries| {
            expected.check(&entry.id, self.read(entries, &entry.id)?.as_ref())?;
            self.write(entries, &entry)
        })
    }
}

fn main() -> ExitCode {
    common::exit_code(run())
}

fn run() -> std::result::Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let model = arguments
        .next()
        .ok_or("usage: redb_catalog MODEL_REF [ROOT]")?;
    let root = arguments
        .next()
        .map_or_else(default_model_cache_dir, PathBuf::from);
    let provisioner = ModelProvisioner::new(RedbCatalog::open(root)?, FileFetcher);
    let resolved = provisioner.ensure_present_str(&model, None)?;
    println!("{} is at {}", resolved.id, resolved.local_path.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use catalog_core::Digest;

    use super::*;

    catalog_core::catalog_store_conformance!(|root| RedbCatalog::open(root).unwrap());
    catalog_core::rooted_catalog_conformance!(|root| RedbCatalog::open(root).unwrap());

    /// CAT-313
    #[test]
    fn a_catalog_of_a_third_party_drives_a_provisioner() {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("model.bin");
        std::fs::write(&model, "weights").unwrap();
        let digest = Digest::of_file(&model).unwrap();
        let root = folder.path().join("root");
        let provision = |expected: Option<Digest>| {
            let catalog = RedbCatalog::open(&root).unwrap();
            let provisioner = ModelProvisioner::new(catalog, FileFetcher);
            let resolved = provisioner.ensure_present_str(&model.to_string_lossy(), expected)?;
            let entry = provisioner.catalog().get(&resolved.id)?.unwrap();
            Ok::<_, model_provisioner::ProvisionError>((resolved, entry))
        };
        let (resolved, entry) = provision(Some(digest.clone())).unwrap();
        assert_eq!(entry.digest, Some(digest.clone()));
        assert_eq!(entry.lifecycle, LifecycleState::Active);
        assert_eq!(
            provision(None).unwrap().0,
            resolved,
            "the database was kept"
        );
        std::fs::write(&model, "WEIGHTS").unwrap();
        assert_eq!(provision(None).unwrap_err().code(), "digest_mismatch");
    }
}
