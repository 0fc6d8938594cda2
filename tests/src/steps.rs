use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use catalog_core::maintenance::CollectionPolicy;
use catalog_core::{
    CatalogError, CatalogStore, EngineStore, FsCatalog, FsEngineStore, LifecycleState, Result,
};
use rustix::process::{PTracer, set_ptracer};

use crate::state::{FETCHED, MANAGED, PROVISIONED, State, model, observe};
use crate::step_calls::{bring, engine, fetch, import, provision, spoil};

/// One call of a workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// Registers model `a`.
    PutA,
    /// Registers model `b`.
    PutB,
    /// Retires model `a`, or fails if it is not there.
    RetireA,
    /// Deletes model `a` and its file.
    DeleteA,
    /// Retires model `b`, or fails if it is not there.
    RetireB,
    /// Deletes model `b` and its file.
    DeleteB,
    /// Registers `a` as retired and `b`, in one update.
    UpdateBoth,
    /// Registers engine `e`.
    PutEngine,
    /// Registers engine `e` with another version.
    UpgradeEngine,
    /// Deletes engine `e` and its file.
    DeleteEngine,
    /// Imports model `m` into the store.
    ImportM,
    /// Imports model `n`, which has the same bytes.
    ImportN,
    /// Deletes model `m` and its artifact.
    DeleteM,
    /// Removes the entry of `m` and leaves its artifact.
    ForgetM,
    /// Verifies `m`, spoils its bytes behind the store's back, and verifies it again.
    SpoilM,
    /// Retires model `m`, or fails if it is not there.
    RetireM,
    /// Provisions model `hf:org/p`, whose bytes a fetcher brings.
    Provision,
    /// Provisions a model over the network, from the web server of a [`ModelSource`](crate::model_source::ModelSource).
    Fetch,
    /// Collects artifacts that nobody needs, and models that have been retired for a day.
    Collect,
}

impl Step {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::PutA,
        Self::PutB,
        Self::RetireA,
        Self::DeleteA,
        Self::RetireB,
        Self::DeleteB,
        Self::UpdateBoth,
        Self::PutEngine,
        Self::UpgradeEngine,
        Self::DeleteEngine,
        Self::ImportM,
        Self::ImportN,
        Self::DeleteM,
        Self::ForgetM,
        Self::SpoilM,
        Self::RetireM,
        Self::Provision,
        Self::Fetch,
        Self::Collect,
    ];

    /// Returns whether a step concerns managed models. Such a step makes many more system calls than
    /// the others.
    pub fn is_managed(self) -> bool {
        use Step::{
            Collect, DeleteM, Fetch, ForgetM, ImportM, ImportN, Provision, RetireM, SpoilM,
        };
        matches!(
            self,
            ImportM | ImportN | DeleteM | ForgetM | SpoilM | RetireM | Provision | Fetch | Collect
        )
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|step| format!("{step:?}") == name)
    }

    /// Makes the call on the stores of a root.
    pub fn make_in(self, root: &Path) -> Result<()> {
        self.make(&FsCatalog::new(root)?, &FsEngineStore::new(root)?)
    }

    /// Makes the call.
    fn make(self, models: &FsCatalog, engines: &FsEngineStore) -> Result<()> {
        for id in self.registers() {
            bring(models.root(), id)?;
        }
        match self {
            Self::PutA => models.put(&model("a", LifecycleState::Active)),
            Self::PutB => models.put(&model("b", LifecycleState::Active)),
            Self::RetireA => models.set_state("a", LifecycleState::Retired),
            Self::DeleteA => models.delete("a").map(drop),
            Self::UpdateBoth => models.update(|edit| {
                edit.put(&model("a", LifecycleState::Retired))?;
                edit.put(&model("b", LifecycleState::Active))
            }),
            Self::RetireB => models.set_state("b", LifecycleState::Retired),
            Self::DeleteB => models.delete("b").map(drop),
            Self::PutEngine => engines.put(&engine("1")),
            Self::UpgradeEngine => engines.put(&engine("2")),
            Self::DeleteEngine => engines.delete("e").map(drop),
            Self::ImportM => import(models, "m"),
            Self::ImportN => import(models, "n"),
            Self::DeleteM => models.delete("m").map(drop),
            Self::ForgetM => models.update(|edit| Ok(edit.forget("m"))).map(drop),
            Self::SpoilM => spoil(models, "m"),
            Self::RetireM => models.set_state("m", LifecycleState::Retired),
            Self::Provision => provision(models),
            Self::Fetch => fetch(models),
            Self::Collect => {
                let policy =
                    CollectionPolicy::default().retired_for(Duration::from_secs(24 * 60 * 60));
                let plan = models.plan_collection(&policy)?;
                models.collect(&plan).map(drop)
            }
        }
    }

    /// The ids that it registers.
    fn registers(self) -> &'static [&'static str] {
        match self {
            Self::PutA => &["a"],
            Self::PutB => &["b"],
            Self::UpdateBoth => &["a", "b"],
            Self::PutEngine | Self::UpgradeEngine => &["e"],
            _ => &[],
        }
    }

    /// Changes a state as the call changes the catalog. A call that fails changes nothing.
    pub fn expect(self, state: &mut State) {
        match self {
            Self::PutA => state.put("a", "Active"),
            Self::PutB => state.put("b", "Active"),
            Self::UpdateBoth => {
                state.put("a", "Retired");
                state.put("b", "Active");
            }
            Self::PutEngine => state.put("e", "1"),
            Self::UpgradeEngine => state.put("e", "2"),
            Self::RetireA => state.retire("a"),
            Self::RetireB => state.retire("b"),
            Self::DeleteA => state.remove("a"),
            Self::DeleteB => state.remove("b"),
            Self::DeleteEngine => state.remove("e"),
            Self::ImportM => state.put("m", "Active"),
            Self::ImportN => state.put("n", "Active"),
            Self::DeleteM | Self::ForgetM => state.remove("m"),
            Self::RetireM => state.retire("m"),
            Self::Provision => state.put(PROVISIONED, "Active"),
            Self::Fetch => state.put(FETCHED, "Active"),
            // The bytes of both are one file.
            Self::SpoilM if state.is_active("m") => {
                MANAGED.into_iter().for_each(|id| state.retire(id))
            }
            Self::SpoilM | Self::Collect => {}
        }
    }
}

/// Calls in a row.
pub type Workload = Vec<Step>;

/// All sequences of up to `longest` calls of the indexes, and of up to one less, but at least one,
/// that concern managed models.
pub fn workloads(longest: usize) -> Vec<Workload> {
    let mut all = sequences(longest, |step| !step.is_managed());
    all.extend(sequences((longest - 1).max(1), Step::is_managed));
    all
}

/// All sequences of up to `longest` of some calls.
fn sequences(longest: usize, is_among: impl Fn(Step) -> bool) -> Vec<Workload> {
    let mut all: Vec<Workload> = vec![Vec::new()];
    let mut last = all.clone();
    for _ in 0..longest {
        last = last
            .iter()
            .flat_map(|before| {
                let steps = Step::ALL.into_iter().filter(|step| is_among(*step));
                steps.map(|step| {
                    let mut next = before.clone();
                    next.push(step);
                    next
                })
            })
            .collect();
        all.extend(last.iter().cloned());
    }
    all.remove(0);
    all
}

/// The calls of a workload that are on the disk when it begins, and those that are disturbed. Where
/// managed models are concerned only the last call is: the others' own are workloads, too.
pub fn split(workload: &[Step]) -> (&[Step], &[Step]) {
    match workload {
        [done @ .., last] if workload.iter().any(|step| step.is_managed()) => {
            (done, std::slice::from_ref(last))
        }
        all => (&[], all),
    }
}

/// The states through which a workload goes, the one before its first call included.
pub fn states(workload: &[Step]) -> Vec<State> {
    let mut state = State::default();
    let mut states = vec![state.clone()];
    for step in workload {
        step.expect(&mut state);
        states.push(state.clone());
    }
    states
}

/// Makes calls in a row, in this process. A call about a model that is not there changes nothing.
pub fn make_all(root: &Path, steps: &[Step]) -> std::result::Result<(), String> {
    let text = |error: CatalogError| error.to_string();
    let models = FsCatalog::new(root).map_err(text)?;
    let engines = FsEngineStore::new(root).map_err(text)?;
    steps
        .iter()
        .try_for_each(|step| match step.make(&models, &engines) {
            Err(error) if error.code() == "not_found" => Ok(()),
            outcome => outcome.map_err(text),
        })
}

/// Fetches the model of a root in this process, which nothing disturbs, and checks that it is there.
pub fn fetch_again(root: &Path) -> std::result::Result<(), String> {
    make_all(root, &[Step::Fetch]).map_err(|error| format!("the next fetch: {error}"))?;
    match observe(root)? {
        state if state.is_active(FETCHED) => Ok(()),
        state => Err(format!("after the next fetch, found {state}")),
    }
}

/// Notes that a call returned, by making a folder. The store makes this system call once at most, so
/// that a fault in the store's own calls does not hit it.
fn acknowledge(folder: &Path, number: usize, word: &str) {
    drop(fs::create_dir(folder.join(format!("{number}-{word}"))));
}

/// What the calls of a workload answered: `ok` or the code of an error, by their number. Nothing
/// for calls that never returned.
pub fn answers(folder: &Path) -> Vec<Option<String>> {
    let mut answers = Vec::new();
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for name in entries.map(|entry| entry.file_name()) {
        if let Some((number, word)) = name.to_string_lossy().split_once('-')
            && let Ok(number) = number.parse::<usize>()
        {
            if answers.len() <= number {
                answers.resize(number + 1, None);
            }
            answers[number] = Some(word.to_owned());
        }
    }
    answers
}

/// The word before the steps of a process that says that a call returned before it makes it.
pub(crate) const EARLY: &str = "early";

/// The process of a workload: `ROOT ANSWERS [early] STEP…`. Before its first call it asks for its parent's
/// process id. Nothing else here makes that system call, so a trace shows the begin of the calls.
pub fn run(arguments: &[String]) -> std::result::Result<(), String> {
    let [root, folder, steps @ ..] = arguments else {
        return Err("ROOT ANSWERS STEP…".to_owned());
    };
    let (root, folder) = (PathBuf::from(root), PathBuf::from(folder));
    let (is_early, steps) = match steps.split_first() {
        Some((word, steps)) if word == EARLY => (true, steps),
        _ => (false, steps),
    };
    let steps: Option<Vec<Step>> = steps.iter().map(|name| Step::named(name)).collect();
    let steps = steps.ok_or("there is no such step")?;
    // Else only its parents may trace it on some hosts.
    let _ = set_ptracer(PTracer::Any);
    let _ = std::os::unix::process::parent_id();
    let open = || Ok((FsCatalog::new(&root)?, FsEngineStore::new(&root)?));
    let (models, engines) = match open() {
        Ok(stores) => stores,
        Err::<_, catalog_core::CatalogError>(error) => {
            acknowledge(&folder, 0, error.code());
            return Ok(());
        }
    };
    for (number, step) in steps.into_iter().enumerate() {
        if is_early {
            acknowledge(&folder, number, "ok");
        }
        match step.make(&models, &engines) {
            _ if is_early => {}
            Ok(()) => acknowledge(&folder, number, "ok"),
            Err(error) => acknowledge(&folder, number, error.code()),
        }
    }
    Ok(())
}
