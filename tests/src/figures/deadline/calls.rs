use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use catalog_core::maintenance::{CollectionPolicy, ScrubBudget, Verify};
use catalog_core::{
    CatalogEntry, CatalogStore, EngineStore, Expected, FileFetcher, FsCatalog, FsEngineStore,
    Import, ImportRequest, LifecycleState, ModelId, ModelRef, Result,
};
use model_provisioner::{
    Freshness, ModelProvisioner, Policy, ProvisionError, ProvisionRequest, SchemeRouter,
    StagingMode,
};

use crate::limited::{catalog_within, engines_within};
use crate::step_calls::engine;
use crate::toy::ToyFetcher;

/// The managed model of the calls, a model outside of the root, and a new model.
pub(super) const MANAGED: &str = "hf:org/managed";
pub(super) const OUTSIDE: &str = "outside";
pub(super) const NEW: &str = "hf:org/new";
/// The owner of a pin.
const OWNER: &str = "somebody";

/// A root for one call.
pub(super) struct Site {
    folder: tempfile::TempDir,
    catalog: FsCatalog,
    engines: FsEngineStore,
}

/// The handles of a call.
pub(super) struct Handles {
    catalog: FsCatalog,
    engines: FsEngineStore,
    /// The time that a request gets, if it gets a limit.
    time: Option<Duration>,
}

/// A call that takes limits.
pub(super) struct Call {
    pub(super) name: &'static str,
    pub(super) make: fn(&Handles, &Site) -> Result<()>,
}

impl Site {
    /// A root with a managed model, one outside, an engine, and an artifact that nobody needs. In
    /// memory where there is such a place, as this is not about disks.
    pub(super) fn new() -> std::result::Result<Self, String> {
        let memory = Path::new("/dev/shm");
        let folder = match memory.is_dir() {
            true => tempfile::tempdir_in(memory),
            false => tempfile::tempdir(),
        };
        let folder = folder.map_err(|error| error.to_string())?;
        Self::fill(folder).map_err(|error| error.to_string())
    }

    fn fill(folder: tempfile::TempDir) -> Result<Self> {
        let root = folder.path().join("root");
        let site = Self {
            catalog: FsCatalog::new(&root)?,
            engines: FsEngineStore::new(&root)?,
            folder,
        };
        for name in [MANAGED, OUTSIDE, NEW, "litter"] {
            fs::write(site.source(name), name).expect("a file can be made");
        }
        site.import(&site.catalog, MANAGED)?;
        let litter = site.source("litter");
        site.catalog.artifacts().import(
            &ImportRequest::new(&ModelId::new("litter")?, &litter),
            &mut |_| Ok(()),
        )?;
        site.catalog.put(&site.outside(0))?;
        site.engines.put(&engine("1"))?;
        Ok(site)
    }

    pub(super) fn root(&self) -> &Path {
        self.catalog.root()
    }

    fn source(&self, name: &str) -> PathBuf {
        let name = name.rsplit('/').next().unwrap_or(name);
        self.folder.path().join(format!("{name}.bin"))
    }

    fn import(&self, catalog: &FsCatalog, id: &str) -> Result<()> {
        let source = self.source(id);
        let id = ModelId::new(id)?;
        let mut request = ImportRequest::new(&id, &source);
        request.how = Import::Copy;
        catalog.import(&request, &mut |_| Ok(())).map(drop)
    }

    /// The entry of the model outside, as it was verified at some time.
    fn outside(&self, at_ms: u64) -> CatalogEntry {
        CatalogEntry {
            id: OUTSIDE.to_owned(),
            local_path: self.source(OUTSIDE),
            lifecycle: LifecycleState::Active,
            digest: None,
            last_verified_ms: Some(at_ms),
        }
    }

    /// The manifest of the managed model.
    pub(super) fn manifest(&self) -> std::result::Result<PathBuf, String> {
        let entry = self
            .catalog
            .get(MANAGED)
            .map_err(|error| error.to_string())?;
        let path = entry.ok_or("it is registered")?.local_path;
        let artifacts = self.root().join("artifacts");
        let below = path
            .strip_prefix(&artifacts)
            .map_err(|error| error.to_string())?;
        let key = below.iter().next().ok_or("an artifact has a key")?;
        let manifest = artifacts.join(key).join("manifest.json");
        match manifest.is_file() {
            true => Ok(manifest),
            false => Err(format!("there is no {}", manifest.display())),
        }
    }

    /// Handles for calls that end after this time.
    pub(super) fn within(&self, time: Duration) -> Handles {
        Handles {
            catalog: catalog_within(&self.catalog, time),
            engines: engines_within(&self.engines, time),
            time: Some(time),
        }
    }

    /// Handles for calls without limits.
    pub(super) fn unlimited(&self) -> Result<Handles> {
        Ok(Handles {
            catalog: FsCatalog::new(self.root())?,
            engines: FsEngineStore::new(self.root())?,
            time: None,
        })
    }
}

impl Handles {
    /// Provisions a model of the hub, or a local one by import. The limit is that of the request.
    fn provision(&self, site: &Site, reference: &str, freshness: Freshness) -> Result<()> {
        let catalog = FsCatalog::new(site.root())?;
        let mut policy = Policy::default();
        policy.staging = StagingMode::Managed;
        let fetcher = SchemeRouter::new()
            .with(FileFetcher)
            .with(ToyFetcher::of(reference.as_bytes()));
        let mut request = ProvisionRequest::new(ModelRef::parse(reference)?).freshness(freshness);
        if let Some(time) = self.time {
            request = request.timeout(time);
        }
        let provisioner = ModelProvisioner::new(catalog, fetcher).with_policy(policy);
        match provisioner.and_then(|provisioner| provisioner.provision(&request)) {
            Ok(_) | Err(ProvisionError::DeadlineExceeded { .. }) => Ok(()),
            Err(ProvisionError::Catalog(error)) => Err(error),
            Err(error) => panic!("no wait ends like this: {error}"),
        }
    }
}

pub(super) const CALLS: [Call; 24] = [
    Call {
        name: "put",
        make: |on, site| on.catalog.put(&site.outside(1)),
    },
    Call {
        name: "put_if",
        make: |on, site| on.catalog.put_if(&site.outside(1), Expected::Any),
    },
    Call {
        name: "set_state",
        make: |on, _| on.catalog.set_state(OUTSIDE, LifecycleState::Retired),
    },
    Call {
        name: "update",
        make: |on, site| on.catalog.update(|edit| edit.put(&site.outside(1))),
    },
    Call {
        name: "delete of a managed model",
        make: |on, _| on.catalog.delete(MANAGED).map(drop),
    },
    Call {
        name: "delete of a model outside",
        make: |on, _| on.catalog.delete(OUTSIDE).map(drop),
    },
    Call {
        name: "lease",
        make: |on, _| on.catalog.lease(MANAGED).map(drop),
    },
    Call {
        name: "pin",
        make: |on, _| on.catalog.pin(&ModelId::new(MANAGED)?, OWNER, "it is used"),
    },
    Call {
        name: "unpin",
        make: |on, _| on.catalog.unpin(&ModelId::new(MANAGED)?, OWNER).map(drop),
    },
    Call {
        name: "import",
        make: |on, site| site.import(&on.catalog, NEW),
    },
    Call {
        name: "verify, quick",
        make: |on, _| {
            on.catalog
                .verify(MANAGED, Verify::Quick, &mut |_| Ok(()))
                .map(drop)
        },
    },
    Call {
        name: "verify, full",
        make: |on, _| {
            on.catalog
                .verify(MANAGED, Verify::Full, &mut |_| Ok(()))
                .map(drop)
        },
    },
    Call {
        name: "scrub",
        make: |on, _| {
            let budget = ScrubBudget::new(u64::MAX, Duration::from_secs(60));
            on.catalog.scrub(budget, &mut |_, _| Ok(())).map(drop)
        },
    },
    Call {
        name: "repair",
        make: |on, site| {
            let mut fetch = |_: &catalog_core::maintenance::BadFile<'_>,
                             file: &mut catalog_core::StagedFile<'_>| {
                let bytes = fs::read(site.source(MANAGED)).expect("it is there");
                file.write_all(&bytes).expect("it can be written");
                Ok(())
            };
            let repaired = on.catalog.repair(MANAGED, &mut fetch, &mut |_| Ok(()));
            repaired.map(drop)
        },
    },
    Call {
        name: "plan_collection",
        make: |on, _| {
            let plan = on.catalog.plan_collection(&CollectionPolicy::default());
            plan.map(drop)
        },
    },
    Call {
        name: "collect",
        make: |on, _| {
            let plan = on.catalog.plan_collection(&CollectionPolicy::default())?;
            on.catalog.collect(&plan).map(drop)
        },
    },
    Call {
        name: "stage",
        make: |on, _| {
            on.catalog
                .artifacts()
                .stage(&ModelId::new(NEW)?, 1)
                .map(drop)
        },
    },
    Call {
        name: "put of an engine",
        make: |on, _| on.engines.put(&engine("2")),
    },
    Call {
        name: "update of engines",
        make: |on, _| on.engines.update(|edit| edit.put(&engine("2"))),
    },
    Call {
        name: "delete of an engine",
        make: |on, _| on.engines.delete("e").map(drop),
    },
    Call {
        name: "provision of a model that is here",
        make: |on, site| on.provision(site, MANAGED, Freshness::UseLocal),
    },
    Call {
        name: "provision of the newest revision",
        make: |on, site| on.provision(site, MANAGED, Freshness::Revalidate),
    },
    Call {
        name: "provision by a fetch",
        make: |on, site| on.provision(site, NEW, Freshness::UseLocal),
    },
    Call {
        name: "provision by an import",
        make: |on, site| {
            let source = site.source(NEW);
            on.provision(site, &source.to_string_lossy(), Freshness::UseLocal)
        },
    },
];
