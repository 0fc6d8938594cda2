//! The calls that one account makes in a process of its own.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use catalog_core::{
    CatalogError, CatalogStore, CollectionPolicy, FsCatalog, Import, ImportRequest, LifecycleState,
    ModelId, Progress, Result, ScrubBudget, VerificationOutcomeKind, Verify, rebuild, recover,
};
use model_provisioner::ModelProvisioner;

use crate::state::{CONTENT, describe};
use crate::steps::Step;
use crate::toy::ToyFetcher;

/// The model that a fetcher brings with modes that shut out everybody else.
pub(super) const PRIVATE: &str = "hf:org/private";

/// A call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    /// A call that other figures make, too.
    Step(Step),
    /// Leases `m`, and gives the lease back.
    Lease,
    /// Pins `m`.
    Pin,
    /// Unpins `m`.
    Unpin,
    /// Verifies `m` by its bytes.
    Verify,
    /// Verifies the models that were not for longest.
    Scrub,
    /// Repairs `m`.
    Repair,
    /// Imports `m` as a hard link to a file of this account.
    ImportLink,
    /// Provisions [`PRIVATE`].
    ProvisionPrivate,
    /// Begins to stage a model and ends without a word.
    Abandon,
    /// Recovers the indexes.
    Recover,
    /// Rebuilds the index of models.
    Rebuild,
    /// Reads everything: the entries, and the bytes of all Active models.
    Read,
}

impl Call {
    /// Imports `m`.
    pub(super) const IMPORT: Self = Self::Step(Step::ImportM);

    /// All but the steps.
    const OWN: [Self; 12] = [
        Self::Lease,
        Self::Pin,
        Self::Unpin,
        Self::Verify,
        Self::Scrub,
        Self::Repair,
        Self::ImportLink,
        Self::ProvisionPrivate,
        Self::Abandon,
        Self::Recover,
        Self::Rebuild,
        Self::Read,
    ];

    pub(super) fn name(self) -> String {
        match self {
            Self::Step(step) => format!("{step:?}"),
            own => format!("{own:?}"),
        }
    }

    fn named(name: &str) -> Option<Self> {
        let steps = Step::ALL.into_iter().map(Self::Step);
        steps.chain(Self::OWN).find(|call| call.name() == name)
    }

    fn make(self, root: &Path) -> Result<()> {
        let progress = &mut |_: Progress| Ok(());
        match self {
            Self::Recover => return recover(root).map(drop),
            Self::Rebuild => return rebuild(root).map(drop),
            _ => {}
        }
        let catalog = FsCatalog::new(root)?;
        let id = || "m".parse::<ModelId>();
        match self {
            Self::Step(step) => step.make_in(root),
            Self::Lease => catalog.lease("m").map(drop),
            Self::Pin => catalog.pin(&id()?, "accounts", "a figure"),
            Self::Unpin => catalog.unpin(&id()?, "accounts").map(drop),
            Self::Verify => catalog.verify("m", Verify::Full, progress).map(drop),
            Self::Scrub => {
                let report = catalog.scrub(
                    ScrubBudget {
                        bytes: u64::MAX,
                        time: Duration::from_secs(60),
                    },
                    &mut |_, _| Ok(()),
                )?;
                report.failed.into_iter().try_for_each(|(_, why)| Err(why))
            }
            Self::Repair => {
                let bring =
                    &mut |_: &catalog_core::BadFile<'_>,
                          file: &mut catalog_core::StagedFile<'_>| {
                        file.write_all(CONTENT).map_err(failed)
                    };
                catalog.repair("m", bring, progress).map(drop)
            }
            Self::ImportLink => {
                let (id, source) = (id()?, own_original(root));
                fs::write(&source, CONTENT).map_err(failed)?;
                let readable = fs::Permissions::from_mode(0o640);
                fs::set_permissions(&source, readable).map_err(failed)?;
                let mut request = ImportRequest::new(&id, &source);
                request.how = Import::HardLink;
                catalog.import(&request, progress).map(drop)
            }
            Self::ProvisionPrivate => {
                let provisioner =
                    ModelProvisioner::new(catalog, ToyFetcher::of(CONTENT).for_itself());
                let found = provisioner.ensure_present_str(PRIVATE, None);
                found.map(drop).map_err(|error| match error {
                    model_provisioner::ProvisionError::Catalog(error) => error,
                    other => failed(std::io::Error::other(other.to_string())),
                })
            }
            Self::Abandon => {
                let mut staging = catalog.artifacts().stage(&id()?, 0)?;
                let mut file = staging.create("a.bin")?;
                file.write_all(CONTENT).map_err(failed)?;
                std::process::exit(0);
            }
            Self::Read => read(&catalog),
            Self::Recover | Self::Rebuild => Ok(()),
        }
    }
}

/// The file that [`Call::ImportLink`] imports.
pub(super) fn own_original(root: &Path) -> std::path::PathBuf {
    root.join("original.bin")
}

fn read(catalog: &FsCatalog) -> Result<()> {
    for entry in catalog.list()? {
        let is_managed = catalog.artifacts().holds(&entry.local_path);
        if entry.lifecycle != LifecycleState::Active || !is_managed {
            continue;
        }
        let found = catalog.verify(&entry.id, Verify::Full, &mut |_| Ok(()))?;
        if found.outcome.kind != VerificationOutcomeKind::Pass {
            return Err(CatalogError::ArtifactChanged {
                path: entry.local_path,
            });
        }
    }
    catalog.plan_collection(&CollectionPolicy::default())?;
    catalog.pins().map(drop)
}

fn failed(source: std::io::Error) -> CatalogError {
    CatalogError::Io {
        action: "write",
        path: "a.bin".into(),
        source,
    }
}

/// The process of an account: `ROOT CALL…`. It prints `ok`, or the code and the message of the first
/// error.
pub fn run_account(arguments: &[String]) -> std::result::Result<(), String> {
    let [root, calls @ ..] = arguments else {
        return Err("ROOT CALL…".to_owned());
    };
    let calls: Option<Vec<Call>> = calls.iter().map(|name| Call::named(name)).collect();
    let calls = calls.ok_or("there is no such call")?;
    let root = Path::new(root);
    let outcome = calls.into_iter().try_for_each(|call| call.make(root));
    let text = match outcome {
        Ok(()) => "ok".to_owned(),
        Err(error) => describe(&error),
    };
    std::io::stdout()
        .write_all(text.as_bytes())
        .map_err(|error| error.to_string())
}
