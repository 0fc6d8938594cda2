use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use catalog_core::{
    CatalogEntry, CatalogError, CatalogStore, EngineEntry, EngineStore, FsCatalog, FsEngineStore,
    LifecycleState, Result,
};

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
}

impl Step {
    /// All of them.
    pub const ALL: [Self; 10] = [
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
    ];

    fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|step| format!("{step:?}") == name)
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
        }
    }

    /// The ids that it registers.
    fn registers(self) -> &'static [&'static str] {
        match self {
            Self::PutA => &["a"],
            Self::PutB => &["b"],
            Self::UpdateBoth => &["a", "b"],
            Self::PutEngine | Self::UpgradeEngine => &["e"],
            Self::RetireA | Self::DeleteA | Self::RetireB | Self::DeleteB | Self::DeleteEngine => {
                &[]
            }
        }
    }

    /// What the call does to what is registered; unchanged where it fails.
    pub fn expect(self, state: &mut State) {
        let mut put = |id: &str, value: &str| state.0.insert(id.to_owned(), value.to_owned());
        match self {
            Self::PutA => drop(put("a", "Active")),
            Self::PutB => drop(put("b", "Active")),
            Self::UpdateBoth => {
                put("a", "Retired");
                put("b", "Active");
            }
            Self::PutEngine => drop(put("e", "1")),
            Self::UpgradeEngine => drop(put("e", "2")),
            Self::RetireA => state.retire("a"),
            Self::RetireB => state.retire("b"),
            Self::DeleteA => drop(state.0.remove("a")),
            Self::DeleteB => drop(state.0.remove("b")),
            Self::DeleteEngine => drop(state.0.remove("e")),
        }
    }
}

/// What is registered under a root: ids, and what matters of each.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct State(BTreeMap<String, String>);

impl State {
    fn retire(&mut self, id: &str) {
        if let Some(value) = self.0.get_mut(id) {
            "Retired".clone_into(value);
        }
    }

    /// The ids that are registered.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// Calls in a row.
pub type Workload = Vec<Step>;

/// All sequences of up to `longest` calls.
pub fn workloads(longest: usize) -> Vec<Workload> {
    let mut all: Vec<Workload> = vec![Vec::new()];
    let mut last = all.clone();
    for _ in 0..longest {
        last = last
            .iter()
            .flat_map(|before| {
                Step::ALL.iter().map(move |step| {
                    let mut next = before.clone();
                    next.push(*step);
                    next
                })
            })
            .collect();
        all.extend(last.iter().cloned());
    }
    all.remove(0);
    all
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

fn model(id: &str, lifecycle: LifecycleState) -> CatalogEntry {
    CatalogEntry {
        id: id.to_owned(),
        local_path: format!("model-{id}").into(),
        lifecycle,
        digest: None,
        last_verified_ms: None,
    }
}

fn engine(version: &str) -> EngineEntry {
    EngineEntry {
        id: "e".to_owned(),
        engine: "engine".to_owned(),
        version: version.to_owned(),
        build_ref: None,
        digest: None,
        build_flags: None,
        artifacts: vec!["engine-e".into()],
        created_ms: 0,
    }
}

/// The files that the workloads' entries name, by id.
pub const ARTIFACTS: [(&str, &str); 3] = [("a", "model-a"), ("b", "model-b"), ("e", "engine-e")];

/// Makes a root with the files that workloads register.
pub fn prepare(root: &Path) {
    fs::create_dir_all(root).expect("a root can be made");
    for (_, file) in ARTIFACTS {
        fs::write(root.join(file), file).expect("a file can be made");
    }
}

/// Makes the file that an entry is going to name durable, as fetchers do, unless it is there.
fn bring(root: &Path, id: &str) -> Result<()> {
    let file = ARTIFACTS
        .iter()
        .find(|(of, _)| *of == id)
        .map_or("", |(_, file)| file);
    let path = root.join(file);
    if path.exists() {
        return Ok(());
    }
    let write = || {
        let mut written = fs::File::create_new(&path)?;
        written.write_all(file.as_bytes())?;
        written.sync_all()?;
        fs::File::open(root)?.sync_all()
    };
    write().map_err(|source| CatalogError::Io {
        action: "bring",
        path: path.clone(),
        source,
    })
}

/// Makes calls in a row, in this process.
pub fn make_all(root: &Path, steps: &[Step]) -> std::result::Result<(), String> {
    let text = |error: CatalogError| error.to_string();
    let models = FsCatalog::new(root).map_err(text)?;
    let engines = FsEngineStore::new(root).map_err(text)?;
    steps
        .iter()
        .try_for_each(|step| step.make(&models, &engines).map_err(text))
}

/// Reads what is registered, and whether what is registered is there. Fails with the reason if an
/// index cannot be read or an entry names a file that is not whole.
pub fn observe(root: &Path) -> std::result::Result<State, String> {
    let text = |error: catalog_core::CatalogError| format!("unreadable: {error}");
    let models = FsCatalog::new(root).map_err(text)?;
    let engines = FsEngineStore::new(root).map_err(text)?;
    let mut state = State::default();
    for entry in models.list().map_err(text)? {
        let value = format!("{:?}", entry.lifecycle);
        state.0.insert(entry.id, value);
    }
    for entry in engines.list().map_err(text)? {
        state.0.insert(entry.id, entry.version);
    }
    for (id, file) in ARTIFACTS {
        let is_whole = fs::read(root.join(file)).is_ok_and(|bytes| bytes == file.as_bytes());
        if state.0.contains_key(id) && !is_whole {
            return Err(format!("entry {id} names a file that is not there"));
        }
    }
    Ok(state)
}

/// Writes once more and looks for leftovers: temporary files that the write should have removed.
pub fn write_and_look_for_leftovers(root: &Path) -> std::result::Result<(), String> {
    let text = |error: catalog_core::CatalogError| format!("not writable: {error}");
    let models = FsCatalog::new(root).map_err(text)?;
    models
        .put(&model("z", LifecycleState::Active))
        .map_err(text)?;
    models.update(|edit| Ok(edit.forget("z"))).map_err(text)?;
    let names = fs::read_dir(root).map_err(|error| error.to_string())?;
    for name in names.flatten().map(|entry| entry.file_name()) {
        if name.to_string_lossy().starts_with('.') {
            return Err(format!("leftover {name:?}"));
        }
    }
    Ok(())
}

/// Tells that a call returned by making a folder: a system call that the store makes once at most,
/// so that what is done to the store's own calls does not hit it.
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

/// The process of a workload: `ROOT ANSWERS STEP…`. Before its first call it asks for its parent's
/// process id, which nothing else here does, so that a trace shows where the calls begin.
pub fn run(arguments: &[String]) -> std::result::Result<(), String> {
    let [root, folder, steps @ ..] = arguments else {
        return Err("ROOT ANSWERS STEP…".to_owned());
    };
    let (root, folder) = (PathBuf::from(root), PathBuf::from(folder));
    let steps: Option<Vec<Step>> = steps.iter().map(|name| Step::named(name)).collect();
    let steps = steps.ok_or("there is no such step")?;
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
        match step.make(&models, &engines) {
            Ok(()) => acknowledge(&folder, number, "ok"),
            Err(error) => acknowledge(&folder, number, error.code()),
        }
    }
    Ok(())
}
