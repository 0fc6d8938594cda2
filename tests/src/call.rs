use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use catalog_core::maintenance::{CollectionPolicy, ScrubBudget, Verify};
use catalog_core::{
    FsCatalog, FsEngineStore, Import, ImportRequest, ModelId, Progress, Result, rebuild, recover,
};
use model_provisioner::ModelProvisioner;

pub use crate::answers::OTHER;
use crate::answers::{failed, list, of_store, present, read, wrong};
use crate::state::{CONTENT, PROVISIONED, describe, other_source, source};
use crate::steps::Step;
use crate::toy::ToyFetcher;

/// The model that a fetcher brings with modes that shut out everybody else.
pub const PRIVATE: &str = "hf:org/private";

/// A call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
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
    /// Asks for all entries, one by one and as a list. All models that [`Call::ALL_MADE`] makes have to be
    /// there.
    List,
    /// Imports `o`, whose bytes no other model has.
    ImportOther,
    /// Pins `o`.
    PinOther,
    /// Lists the pins. That of `o` has to be there.
    Pins,
    /// Makes the model present that a step provisions. The bytes have to be right.
    Ready,
    /// Makes the file present, in place, that other calls import. The bytes have to be right.
    InPlace,
    /// Lists the quarantine.
    Quarantined,
    /// Collects, with all leftovers.
    Tidy,
    /// Verifies engine `e`.
    VerifyEngine,
}

impl Call {
    /// Imports `m`.
    pub const IMPORT: Self = Self::Step(Step::ImportM);

    /// The calls that make a root with each kind of file that the store knows.
    pub const ALL_MADE: [Self; 15] = [
        Self::Step(Step::PutA),
        Self::Step(Step::PutEngine),
        Self::Step(Step::UpgradeEngine),
        // A bad file, which is quarantined, and an artifact that no entry names.
        Self::IMPORT,
        Self::Step(Step::SpoilM),
        Self::ImportOther,
        Self::PinOther,
        Self::InPlace,
        Self::Step(Step::Provision),
        Self::Step(Step::ImportN),
        Self::IMPORT,
        // The last generation of each index differs from the one before in nothing that matters.
        Self::Pin,
        Self::Unpin,
        Self::Step(Step::PutB),
        Self::Step(Step::DeleteB),
    ];

    /// The calls that are tried on such a root: one for each public call, at least.
    pub const ALL_TRIED: [Self; 32] = [
        Self::List,
        Self::Read,
        Self::Pins,
        Self::Quarantined,
        Self::Lease,
        Self::Verify,
        Self::VerifyEngine,
        Self::Ready,
        Self::InPlace,
        Self::Scrub,
        Self::Repair,
        Self::Step(Step::PutA),
        Self::Step(Step::RetireM),
        Self::Step(Step::UpdateBoth),
        Self::Step(Step::DeleteA),
        Self::Step(Step::DeleteM),
        Self::Step(Step::ForgetM),
        Self::Step(Step::SpoilM),
        Self::Step(Step::ImportM),
        Self::Step(Step::ImportN),
        Self::Step(Step::Provision),
        Self::ProvisionPrivate,
        Self::ImportLink,
        Self::Pin,
        Self::Unpin,
        Self::Step(Step::UpgradeEngine),
        Self::Step(Step::DeleteEngine),
        Self::Step(Step::Collect),
        Self::Tidy,
        Self::Abandon,
        Self::Recover,
        Self::Rebuild,
    ];

    /// All but the steps.
    const OWN: [Self; 21] = [
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
        Self::List,
        Self::ImportOther,
        Self::PinOther,
        Self::Pins,
        Self::Ready,
        Self::InPlace,
        Self::Quarantined,
        Self::Tidy,
        Self::VerifyEngine,
    ];

    /// Returns its name on the command line.
    pub fn name(self) -> String {
        match self {
            Self::Step(step) => format!("{step:?}"),
            own => format!("{own:?}"),
        }
    }

    fn named(name: &str) -> Option<Self> {
        let steps = Step::ALL.into_iter().map(Self::Step);
        steps.chain(Self::OWN).find(|call| call.name() == name)
    }

    /// Makes the call on a root.
    ///
    /// # Errors
    ///
    /// The errors of the store. An answer that is wrong is `conflict`.
    pub fn make(self, root: &Path) -> Result<()> {
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
                    ScrubBudget::new(u64::MAX, Duration::from_secs(60)),
                    &mut |_, _| Ok(()),
                )?;
                report
                    .failed
                    .into_iter()
                    .try_for_each(|failed| Err(failed.why))
            }
            Self::Repair => {
                let bring =
                    &mut |_: &catalog_core::maintenance::BadFile<'_>,
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
                found.map(drop).map_err(of_store)
            }
            Self::Abandon => {
                let mut staging = catalog.artifacts().stage(&id()?, 0)?;
                let mut file = staging.create("a.bin")?;
                file.write_all(CONTENT).map_err(failed)?;
                std::process::exit(0);
            }
            Self::Read => read(&catalog),
            Self::List => list(&catalog),
            Self::ImportOther => {
                let (id, source) = (OTHER.parse()?, other_source(root));
                let request = ImportRequest::new(&id, &source);
                catalog.import(&request, progress).map(drop)
            }
            Self::PinOther => catalog.pin(&OTHER.parse()?, "calls", "a figure"),
            Self::Pins => match catalog.pins()?.iter().any(|pin| pin.id == OTHER) {
                true => Ok(()),
                false => Err(wrong(OTHER, "pinned")),
            },
            Self::Ready => present(&catalog, ToyFetcher::of(CONTENT), PROVISIONED),
            Self::InPlace => {
                let source = source(root).to_string_lossy().into_owned();
                present(&catalog, catalog_core::FileFetcher, &source)
            }
            Self::Quarantined => catalog.quarantined().map(drop),
            Self::Tidy => {
                let policy = CollectionPolicy::default().leftovers_for(Duration::ZERO);
                let plan = catalog.plan_collection(&policy)?;
                catalog.collect(&plan).map(drop)
            }
            Self::VerifyEngine => {
                let engines = FsEngineStore::new(root)?;
                engines.verify("e", Verify::Full, progress).map(drop)
            }
            Self::Recover | Self::Rebuild => Ok(()),
        }
    }
}

/// The file that [`Call::ImportLink`] imports.
pub fn own_original(root: &Path) -> std::path::PathBuf {
    root.join("original.bin")
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
