//! `FsCatalog` and the reference in memory answer random operations alike, and leave the same files.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use catalog_core::{
    CatalogEntry, CatalogStore, Digest, Expected, FsCatalog, LifecycleState, MemoryCatalog,
    ModelRef,
};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Operation {
    Put(CatalogEntry),
    PutAbsent(CatalogEntry),
    PutIfAsRead(CatalogEntry),
    SetState(String, LifecycleState),
    Delete(String),
    Get(String),
    Exists(String),
    Locate(String),
    List,
    WriteFile(PathBuf),
    Reopen,
}

fn ids() -> impl Strategy<Value = String> {
    let reference = prop_oneof!["hf:a/b", "hf:a/b/c", "https://h/x"];
    prop_oneof![4 => "[ab\"\n/]{0,2}", 2 => reference, 1 => any::<String>()]
}

fn paths() -> impl Strategy<Value = PathBuf> {
    let tame = prop_oneof!["d/[ab]", "d", "[ab]", "d/e/[ab]"];
    let wild = prop_oneof![
        "(\\.\\./|d/|\\./){0,2}[ab]?",
        "/outside/[ab]",
        "index.json",
        "locks/x"
    ];
    prop_oneof![5 => tame, 2 => wild, 1 => any::<String>()].prop_map(PathBuf::from)
}

fn states() -> impl Strategy<Value = LifecycleState> {
    prop_oneof![Just(LifecycleState::Active), Just(LifecycleState::Retired)]
}

prop_compose! {
    fn entries()(
        id in ids(), local_path in paths(), lifecycle in states(),
        digest in prop::option::of("[0-9a-f]{1,4}|X"), last_verified_ms in any::<Option<u64>>(),
    ) -> CatalogEntry {
        let digest = digest.map(|value| Digest { algo: "sha256".to_owned(), value });
        CatalogEntry { id, local_path, lifecycle, digest, last_verified_ms }
    }
}

fn operations() -> impl Strategy<Value = Operation> {
    prop_oneof![
        6 => entries().prop_map(Operation::Put),
        2 => entries().prop_map(Operation::PutAbsent),
        2 => entries().prop_map(Operation::PutIfAsRead),
        2 => (ids(), states()).prop_map(|(id, state)| Operation::SetState(id, state)),
        3 => ids().prop_map(Operation::Delete),
        2 => ids().prop_map(Operation::Get),
        2 => ids().prop_map(Operation::Exists),
        2 => ids().prop_map(Operation::Locate),
        1 => Just(Operation::List),
        4 => paths().prop_map(Operation::WriteFile),
        1 => Just(Operation::Reopen),
    ]
}

/// What a call answered, with the root taken out of paths.
fn answer<S: CatalogStore>(store: &S, root: &Path, operation: &Operation) -> String {
    let text = match operation {
        Operation::Put(entry) => code(store.put(entry)),
        Operation::PutAbsent(entry) => code(store.put_if(entry, Expected::Absent)),
        Operation::PutIfAsRead(entry) => match store.get(&entry.id) {
            Ok(Some(read)) => code(store.put_if(entry, Expected::Exactly(&read))),
            other => code(other),
        },
        Operation::SetState(id, state) => code(store.set_state(id, *state)),
        Operation::Delete(id) => code(store.delete(id)),
        Operation::Get(id) => code(store.get(id)),
        Operation::Exists(id) => code(store.exists(id)),
        Operation::Locate(id) => code(ModelRef::parse(id).and_then(|mr| store.locate(&mr))),
        Operation::List => code(store.list()),
        Operation::WriteFile(_) | Operation::Reopen => String::new(),
    };
    text.replace(root.to_str().unwrap(), "<root>")
}

fn code<T: std::fmt::Debug>(result: catalog_core::Result<T>) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(error) => error.code().to_owned(),
    }
}

/// A relative path that stays in the root and is none of the store's own.
fn is_plain(path: &Path) -> bool {
    let text = path.to_str().unwrap();
    ["a", "b", "d"]
        .iter()
        .any(|first| text == *first || text.starts_with("d/"))
        && !text.contains("..")
}

fn files_below(folder: &Path) -> BTreeSet<PathBuf> {
    let mut files = BTreeSet::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder).unwrap().to_path_buf();
            let text = name.to_str().unwrap();
            let is_own = ["locks", "removed", ".index.json.spare"].contains(&text)
                || ["index.json", "engines.json", "pins.json"]
                    .iter()
                    .any(|index| text == *index || text == format!("{index}.previous"));
            if is_own {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else {
                files.insert(name);
            }
        }
    }
    files
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    /// CAT-312
    #[test]
    fn random_operations_are_answered_as_by_the_reference(
        operations in prop::collection::vec(operations(), 1..24),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().canonicalize().unwrap();
        let (fs_root, memory_root) = (base.join("f"), base.join("m"));
        let mut on_disk = FsCatalog::new(&fs_root).unwrap();
        let in_memory = MemoryCatalog::new(&memory_root).unwrap();
        for operation in &operations {
            match operation {
                Operation::Reopen => on_disk = FsCatalog::new(&fs_root).unwrap(),
                Operation::WriteFile(path) if is_plain(path) => {
                    for root in [&fs_root, &memory_root] {
                        let path = root.join(path);
                        // A file may be in the way of a folder; both roots say so alike.
                        let _ = fs::create_dir_all(path.parent().unwrap());
                        let _ = fs::write(path, "x");
                    }
                }
                _ => {}
            }
            prop_assert_eq!(
                answer(&on_disk, &fs_root, operation),
                answer(&in_memory, &memory_root, operation),
                "{:?}", operation
            );
            prop_assert_eq!(files_below(&fs_root), files_below(&memory_root), "{:?}", operation);
        }
        let all = |store: &dyn CatalogStore, root: &Path| answer(&store, root, &Operation::List);
        prop_assert_eq!(all(&on_disk, &fs_root), all(&in_memory, &memory_root));
    }
}
