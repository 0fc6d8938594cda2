use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use catalog_core::maintenance::{CollectionPolicy, ScrubBudget, Verify};
use catalog_core::{
    Artifact, CatalogEntry, CatalogStore, FsCatalog, FsEngineStore, Import, ImportRequest,
    LifecycleState, ModelId, VerificationOutcomeKind,
};

use crate::account::set_mode;
use crate::figure::Sabotage;

/// A catalog of so many models of one small file each: half of them are managed, the others lie
/// outside of the root. A few engines are registered, too.
pub(super) struct Site {
    folder: tempfile::TempDir,
    pub(super) size: usize,
    catalog: FsCatalog,
    sabotage: Sabotage,
    /// The models that are still there, the next to be deleted at the end.
    outside: Vec<String>,
    managed: Vec<String>,
    number: usize,
    /// Artifacts that were published and never registered.
    litter: usize,
    /// Models whose bytes were spoilt: each has its own, and pairs share theirs.
    spoilt: Vec<String>,
    spoilt_pairs: Vec<String>,
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

impl Site {
    /// Makes one, with bad models for this number of rounds.
    pub(super) fn new(size: usize, rounds: usize, sabotage: Sabotage) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(text)?;
        let catalog = FsCatalog::new(folder.path().join("root")).map_err(text)?;
        let mut site = Self {
            folder,
            size,
            catalog,
            sabotage,
            outside: Vec::new(),
            managed: Vec::new(),
            number: 0,
            litter: 0,
            spoilt: Vec::new(),
            spoilt_pairs: Vec::new(),
        };
        let engines = FsEngineStore::new(site.catalog.root()).map_err(text)?;
        let registered = engines.update(|edit| {
            ["1", "2", "3"]
                .iter()
                .try_for_each(|version| edit.put(&crate::step_calls::engine(version)))
        });
        registered.map_err(text)?;
        let managed = site.import_all(0..size / 2, "managed")?;
        let mut entries: Vec<CatalogEntry> = managed.iter().map(Artifact::entry).collect();
        drop(managed);
        site.managed = entries.iter().map(|entry| entry.id.clone()).collect();
        for number in size / 2..size {
            let path = site.file("outside", number)?;
            let entry = CatalogEntry {
                id: format!("outside-{number:06}"),
                digest: Some(catalog_core::Digest::of_file(&path).map_err(text)?),
                local_path: path,
                lifecycle: LifecycleState::Active,
                last_verified_ms: None,
            };
            site.outside.push(entry.id.clone());
            entries.push(entry);
        }
        let put = |edit: &mut catalog_core::CatalogEdit<'_>| {
            entries.iter().try_for_each(|entry| edit.put(entry))
        };
        site.catalog.update(put).map_err(text)?;
        for number in 0..rounds {
            let path = site.file("spoilt", number)?;
            let id = site.import_spoilt(&format!("spoilt-{number}"), &path)?;
            site.spoilt.push(id);
            let path = site.file("spoilt-pair", number)?;
            let id = site.import_spoilt(&format!("spoilt-pair-{number}-a"), &path)?;
            site.spoilt_pairs.push(id);
        }
        Ok(site)
    }

    /// Imports a model whose bytes are spoilt at once. A pair has a second model of the same bytes.
    fn import_spoilt(&self, id: &str, path: &Path) -> Result<String, String> {
        let import = |id: &str| {
            let id = ModelId::new(id).map_err(text)?;
            let mut request = ImportRequest::new(&id, path);
            request.how = Import::Copy;
            self.catalog.import(&request, &mut |_| Ok(())).map_err(text)
        };
        let entry = import(id)?;
        if let Some(stem) = id.strip_suffix("-a") {
            import(&format!("{stem}-b"))?;
        }
        set_mode(&entry.local_path, 0o600)?;
        fs::write(&entry.local_path, "spoilt").map_err(text)?;
        Ok(entry.id)
    }

    /// A small file beside the root.
    fn file(&self, kind: &str, number: usize) -> Result<PathBuf, String> {
        let folder = self.folder.path().join(kind);
        fs::create_dir_all(&folder).map_err(text)?;
        let path = folder.join(format!("{number:06}.bin"));
        fs::write(&path, format!("the weights of {kind} {number}")).map_err(text)?;
        Ok(path)
    }

    /// Publishes models without registering them, in several threads.
    fn import_all(
        &self,
        numbers: std::ops::Range<usize>,
        kind: &str,
    ) -> Result<Vec<Artifact>, String> {
        let next = AtomicUsize::new(numbers.start);
        let import = || {
            let mut artifacts = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= numbers.end {
                    return Ok(artifacts);
                }
                let path = self.file(kind, number)?;
                let id = ModelId::new(format!("{kind}-{number:06}")).map_err(text)?;
                let mut request = ImportRequest::new(&id, &path);
                request.how = Import::Copy;
                let artifact = self.catalog.artifacts().import(&request, &mut |_| Ok(()));
                artifacts.push(artifact.map_err(text)?);
            }
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..16).map(|_| scope.spawn(import)).collect();
            let mut artifacts = Vec::new();
            for thread in threads {
                let part: Result<Vec<Artifact>, String> =
                    thread.join().map_err(|_| "an import panicked")?;
                artifacts.extend(part?);
            }
            Ok(artifacts)
        })
    }

    /// How long some work takes, in seconds.
    pub(super) fn time(
        &mut self,
        work: fn(&mut Self) -> Result<(), String>,
    ) -> Result<f64, String> {
        let begin = Instant::now();
        work(self)?;
        Ok(begin.elapsed().as_secs_f64())
    }

    /// One of some models, another one each time.
    fn some(&mut self, ids: fn(&Self) -> &Vec<String>) -> Result<String, String> {
        self.number += 7_919;
        let ids = ids(self);
        let number = self.number % ids.len().max(1);
        ids.get(number)
            .cloned()
            .ok_or("no model is left".to_owned())
    }

    pub(super) fn put(&mut self) -> Result<(), String> {
        let id = self.some(|site| &site.outside)?;
        let entry = self.catalog.get(&id).map_err(text)?;
        let mut entry = entry.ok_or("it is not there")?;
        entry.last_verified_ms = Some(self.number as u64);
        self.catalog.put(&entry).map_err(text)
    }

    pub(super) fn verify(&mut self) -> Result<(), String> {
        let id = self.some(|site| &site.managed)?;
        let found = self.catalog.verify(&id, Verify::Full, &mut |_| Ok(()));
        match found.map_err(text)?.outcome.kind {
            VerificationOutcomeKind::Pass => Ok(()),
            _ => Err(format!("{id} is not what it was")),
        }
    }

    pub(super) fn delete_outside(&mut self) -> Result<(), String> {
        let id = self.outside.pop().ok_or("no model is left")?;
        self.delete(&id)
    }

    pub(super) fn delete_managed(&mut self) -> Result<(), String> {
        let id = self.managed.pop().ok_or("no model is left")?;
        self.delete(&id)
    }

    fn delete(&self, id: &str) -> Result<(), String> {
        if self.sabotage == Sabotage::RewriteBeforeDelete {
            let entries = self.catalog.list().map_err(text)?;
            // Two halves, as what changes nothing may be written by nobody.
            for ms in [1, 2] {
                let rewritten = self.catalog.update(|edit| {
                    entries.iter().try_for_each(|entry| {
                        let mut entry = entry.clone();
                        entry.last_verified_ms = Some(ms);
                        edit.put(&entry)
                    })
                });
                rewritten.map_err(text)?;
            }
        }
        match self.catalog.delete(id).map_err(text)? {
            true => Ok(()),
            false => Err(format!("{id} was not there")),
        }
    }

    /// Verifies a model whose bytes are wrong: the file goes to quarantine, and its models are Retired.
    pub(super) fn quarantine(&mut self) -> Result<(), String> {
        let id = self.spoilt.pop().ok_or("no bad model is left")?;
        self.find_bad(&id)
    }

    /// The same for a file that two models share.
    pub(super) fn quarantine_shared(&mut self) -> Result<(), String> {
        let id = self.spoilt_pairs.pop().ok_or("no bad model is left")?;
        self.find_bad(&id)
    }

    fn find_bad(&self, id: &str) -> Result<(), String> {
        let found = self.catalog.verify(id, Verify::Full, &mut |_| Ok(()));
        match found.map_err(text)?.quarantined.len() {
            1 => Ok(()),
            count => Err(format!("{count} files of {id} went to quarantine")),
        }
    }

    /// Deletes the bad models, so that the sweeps find good ones only.
    pub(super) fn delete_bad(&mut self) -> Result<(), String> {
        for entry in self.catalog.list().map_err(text)? {
            if entry.id.starts_with("spoilt") {
                self.catalog.delete(&entry.id).map_err(text)?;
            }
        }
        Ok(())
    }

    pub(super) fn nothing(&mut self) -> Result<(), String> {
        Ok(())
    }

    pub(super) fn scrub(&mut self) -> Result<(), String> {
        let budget = ScrubBudget::new(u64::MAX, Duration::from_secs(60));
        let report = self.catalog.scrub(budget, &mut |_, _| Ok(()));
        let report = report.map_err(text)?;
        let expected = self.outside.len() + self.managed.len();
        match (report.verified.len(), report.failed.first()) {
            (count, None) if count == expected => Ok(()),
            (count, failed) => Err(format!("{count} of {expected} were scrubbed: {failed:?}")),
        }
    }

    /// Publishes one artifact for every fifty entries that nobody registers.
    pub(super) fn litter(&mut self) -> Result<(), String> {
        let begin = self.litter;
        self.litter += self.size / 50;
        let artifacts = self.import_all(begin..self.litter, "litter")?;
        drop(artifacts);
        Ok(())
    }

    pub(super) fn collect(&mut self) -> Result<(), String> {
        let plan = self.catalog.plan_collection(&CollectionPolicy::default());
        let done = self.catalog.collect(&plan.map_err(text)?).map_err(text)?;
        match done.spared.first() {
            None => Ok(()),
            Some(spared) => Err(format!(
                "{:?} was not collected: {}",
                spared.what, spared.why
            )),
        }
    }

    pub(super) fn open_and_list(&mut self) -> Result<(), String> {
        let fresh = FsCatalog::new(self.catalog.root()).map_err(text)?;
        let count = fresh.list().map_err(text)?.len();
        let expected = self.outside.len() + self.managed.len();
        match count == expected {
            true => Ok(()),
            false => Err(format!("{count} entries are listed, not {expected}")),
        }
    }
}
