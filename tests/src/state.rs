//! The registered models and engines of a root, as the figures compare them.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use catalog_core::maintenance::CollectionPolicy;
use catalog_core::{
    CatalogEntry, CatalogError, CatalogStore, EngineStore, FsCatalog, FsEngineStore, LifecycleState,
};

/// The registered models and engines of a root: their ids, and the facts of each that matter.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct State(BTreeMap<String, String>);

impl State {
    /// Registers something.
    pub fn put(&mut self, id: &str, value: &str) {
        self.0.insert(id.to_owned(), value.to_owned());
    }

    /// Removes it.
    pub fn remove(&mut self, id: &str) {
        self.0.remove(id);
    }

    /// Whether a model is registered as Active.
    pub fn is_active(&self, id: &str) -> bool {
        self.0.get(id).is_some_and(|value| value == "Active")
    }

    /// Whether it is registered.
    pub fn has(&self, id: &str) -> bool {
        self.0.contains_key(id)
    }

    /// Retires a model, if it is registered.
    pub fn retire(&mut self, id: &str) {
        if let Some(value) = self.0.get_mut(id) {
            "Retired".clone_into(value);
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// The entry of a model that is used where it lies.
pub fn model(id: &str, lifecycle: LifecycleState) -> CatalogEntry {
    CatalogEntry {
        id: id.to_owned(),
        local_path: format!("model-{id}").into(),
        lifecycle,
        digest: None,
        last_verified_ms: None,
    }
}

/// The files that the workloads' entries name, by id.
pub const ARTIFACTS: [(&str, &str); 3] = [("a", "model-a"), ("b", "model-b"), ("e", "engine-e")];

/// The models in the store, which all have the same bytes.
pub const MANAGED: [&str; 4] = ["m", "n", PROVISIONED, FETCHED];

/// The one of them that is provisioned.
pub const PROVISIONED: &str = "hf:org/p";

/// The name in a [`State`] of the model that is fetched from a web server of this host, whose port nobody knows
/// before.
pub const FETCHED: &str = "http:p";

/// The begin of the ids of models that are fetched from a web server of this host.
const OF_THIS_HOST: &str = "http://127.0.0.1:";

/// The bytes of the models that are imported.
pub const CONTENT: &[u8] = b"the weights of a managed model";

/// The size of the model that is fetched over the network, in bytes. A fetch journals the bytes of a file of more
/// than 64 KiB, and a later process can continue them.
const FETCHED_SIZE: usize = 80 << 10;

/// The bytes of the model that is fetched over the network.
pub static FETCHED_CONTENT: [u8; FETCHED_SIZE] = fetched_content();

/// Returns bytes that differ from place to place, so that a part at a wrong place is noticed.
const fn fetched_content() -> [u8; FETCHED_SIZE] {
    let mut bytes = [0; FETCHED_SIZE];
    let mut place = 0;
    while place < bytes.len() {
        bytes[place] = (place % 251) as u8;
        place += 1;
    }
    bytes
}

/// The bytes that a step puts in the place of a managed model, to see that the change is noticed.
pub const SPOILT: &[u8] = b"THE weights of a managed model";

/// The file that is imported.
pub fn source(root: &Path) -> PathBuf {
    root.with_file_name("source.bin")
}

/// The bytes of the model that shares its bytes with no other.
pub const OTHER_CONTENT: &[u8] = b"the weights of another managed model";

/// The file with these bytes.
pub fn other_source(root: &Path) -> PathBuf {
    root.with_file_name("other.bin")
}

/// Makes a root with the files that workloads register, and those that they import beside it.
pub fn prepare(root: &Path) {
    fs::create_dir_all(root).expect("a root can be made");
    fs::write(source(root), CONTENT).expect("a file can be made");
    fs::write(other_source(root), OTHER_CONTENT).expect("a file can be made");
    for (_, file) in ARTIFACTS {
        fs::write(root.join(file), file).expect("a file can be made");
    }
}

/// Writes into a file though it is read-only.
pub fn write_over(path: &Path, bytes: &[u8]) {
    let mut permissions = fs::metadata(path).expect("it is there").permissions();
    permissions.set_mode(0o644);
    fs::set_permissions(path, permissions).expect("they can be set");
    fs::write(path, bytes).expect("it can be written");
}

/// Reads the registered entries and looks for their files. Fails with the reason if an index cannot
/// be read or an entry names a file that is not whole.
pub fn observe(root: &Path) -> std::result::Result<State, String> {
    let text = |error: catalog_core::CatalogError| format!("unreadable: {error}");
    let models = FsCatalog::new(root).map_err(text)?;
    let engines = FsEngineStore::new(root).map_err(text)?;
    let mut state = State::default();
    for entry in models.list().map_err(text)? {
        let name = match entry.id.starts_with(OF_THIS_HOST) {
            true => FETCHED,
            false => &entry.id,
        };
        if MANAGED.contains(&name) {
            check_managed(&entry)?;
        }
        state.put(name, &format!("{:?}", entry.lifecycle));
    }
    for entry in engines.list().map_err(text)? {
        state.put(&entry.id, &entry.version);
    }
    for (id, file) in ARTIFACTS {
        let is_whole = fs::read(root.join(file)).is_ok_and(|bytes| bytes == file.as_bytes());
        if state.has(id) && !is_whole {
            return Err(format!("entry {id} names a file that is not there"));
        }
    }
    Ok(state)
}

/// Checks the file of a managed model: that of an Active model is whole, or has the bytes that a step
/// gave it. That of a Retired model may be gone.
fn check_managed(entry: &CatalogEntry) -> std::result::Result<(), String> {
    if entry.lifecycle == LifecycleState::Retired {
        return Ok(());
    }
    let whole = match entry.id.starts_with(OF_THIS_HOST) {
        true => &FETCHED_CONTENT,
        false => CONTENT,
    };
    match fs::read(&entry.local_path) {
        Ok(bytes) if bytes == whole || bytes == SPOILT => Ok(()),
        Ok(_) => Err(format!("entry {} names unverified bytes", entry.id)),
        Err(_) => Err(format!("entry {} names a file that is not there", entry.id)),
    }
}

/// Writes once more, collects, and looks for leftovers: temporary files that the write should have
/// removed, and anything that the collection should have.
pub fn write_and_look_for_leftovers(root: &Path) -> std::result::Result<(), String> {
    let text = |error: CatalogError| format!("not writable: {error}");
    let models = FsCatalog::new(root).map_err(text)?;
    models
        .put(&model("z", LifecycleState::Active))
        .map_err(text)?;
    models.update(|edit| Ok(edit.forget("z"))).map_err(text)?;
    let collect = || {
        // Partial files of an interrupted fetch stay for days otherwise.
        let policy = CollectionPolicy::default().partial_files_for(Duration::ZERO);
        let plan = models.plan_collection(&policy)?;
        models.collect(&plan)
    };
    let done = collect().map_err(|error| format!("not collectable: {error}"))?;
    if let Some(spared) = done.spared.first() {
        let (what, why) = (&spared.what, &spared.why);
        return Err(format!("{what:?} was not collected: {why}"));
    }
    let names = names_in(root)?;
    let is_leftover = |name: &&String| name.starts_with('.') && !is_spare(name);
    if let Some(name) = names.iter().find(is_leftover) {
        return Err(format!("leftover {name:?}"));
    }
    if let Some(name) = names_in(&root.join("removed"))?.first() {
        return Err(format!("leftover removed/{name}"));
    }
    look_for_orphans(root, &models)
}

/// Returns the code of an error, its message, and those of its sources.
pub fn describe(error: &CatalogError) -> String {
    described(error.code(), error)
}

/// Returns a code, the message of its error, and those of the error's sources.
pub fn described(code: &str, error: &dyn std::error::Error) -> String {
    let sources = std::iter::successors(Some(error), |error| error.source());
    let texts: Vec<String> = sources.map(ToString::to_string).collect();
    format!("{code}: {}", texts.join(": "))
}

/// Makes the indexes of a root, with nothing in them.
pub fn make_indexes(root: &Path) -> std::result::Result<(), String> {
    let text = |error: CatalogError| error.to_string();
    let models = FsCatalog::new(root).map_err(text)?;
    models
        .put(&model("z", LifecycleState::Active))
        .map_err(text)?;
    models
        .update(|edit| Ok(edit.forget("z")))
        .map(drop)
        .map_err(text)
}

/// Whether a file is the one that writers keep for when the disk is full.
pub fn is_spare(name: &str) -> bool {
    name.starts_with('.') && name.ends_with(".spare")
}

/// Looks for files below a root that nothing needs.
fn look_for_orphans(root: &Path, models: &FsCatalog) -> std::result::Result<(), String> {
    if let Some(name) = names_in(&root.join("staging"))?.first() {
        return Err(format!("leftover staging/{name}"));
    }
    let entries = models.list().map_err(|error| error.to_string())?;
    for key in names_in(&root.join("artifacts"))? {
        let folder = root.join("artifacts").join(&key);
        if !entries
            .iter()
            .any(|entry| entry.local_path.starts_with(&folder))
        {
            return Err(format!("leftover artifacts/{key}"));
        }
    }
    let blobs = root.join("blobs/sha256");
    for folder in names_in(&blobs)? {
        for name in names_in(&blobs.join(&folder))? {
            let path = blobs.join(&folder).join(&name);
            if fs::metadata(&path).is_ok_and(|metadata| metadata.nlink() == 1) {
                return Err(format!("leftover blob {name}"));
            }
        }
    }
    Ok(())
}

/// Returns the names in a folder. A folder that is not there has none.
pub fn names_in(folder: &Path) -> std::result::Result<Vec<String>, String> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error.to_string()),
    };
    let names = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned());
    Ok(names.collect())
}

/// Returns all that lies below a folder and is no folder, or the path itself.
pub fn files_below(path: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut paths = vec![path.to_path_buf()];
    while let Some(path) = paths.pop() {
        match fs::symlink_metadata(&path) {
            Ok(found) if found.is_dir() => {
                let names = names_in(&path).unwrap_or_default();
                paths.extend(names.iter().map(|name| path.join(name)));
            }
            Ok(_) => files.push(path),
            Err(_) => {}
        }
    }
    files
}

/// Registers this number of models that nobody asks for, for a catalog of a usual size.
///
/// # Errors
///
/// The errors of `FsCatalog::update`.
pub fn register_others(catalog: &FsCatalog, count: usize) -> catalog_core::Result<()> {
    catalog.update(|edit| {
        (0..count).try_for_each(|number| {
            edit.put(&CatalogEntry {
                id: format!("hf:organisation/model-{number:06}"),
                local_path: format!("/srv/models/model-{number:06}/model.gguf").into(),
                lifecycle: LifecycleState::Active,
                digest: None,
                last_verified_ms: None,
            })
        })
    })
}
