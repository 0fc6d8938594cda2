//! A handle that reads only changed lines sees the same entries as a new handle.

use std::fs;

use catalog_core::{CatalogEntry, CatalogStore, FsCatalog, LifecycleState};
use proptest::prelude::*;

use crate::util::entry;

/// A change of one entry.
#[derive(Debug, Clone)]
enum Change {
    Put(String, String),
    SetState(String, LifecycleState),
    Forget(String),
}

#[derive(Debug, Clone)]
enum Step {
    /// Changes in one write, by the first or by a new handle.
    Write(Vec<Change>, bool),
    /// Cuts the file there, looks, and restores it: in place, or as another file.
    Damage(prop::sample::Index, bool),
}

fn ids() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[a-e]", 1 => "[a-e]\"[a-c]", 1 => "é{0,2}[ab]"]
}

fn changes() -> impl Strategy<Value = Change> {
    let states = prop_oneof![Just(LifecycleState::Active), Just(LifecycleState::Retired)];
    prop_oneof![
        4 => (ids(), "[a-z]{1,12}").prop_map(|(id, path)| Change::Put(id, path)),
        2 => (ids(), states).prop_map(|(id, state)| Change::SetState(id, state)),
        3 => ids().prop_map(Change::Forget),
    ]
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        9 => (prop::collection::vec(changes(), 1..5), any::<bool>())
            .prop_map(|(changes, anew)| Step::Write(changes, anew)),
        1 => (any::<prop::sample::Index>(), any::<bool>())
            .prop_map(|(at, anew)| Step::Damage(at, anew)),
    ]
}

fn write(catalog: &FsCatalog, changes: &[Change]) {
    catalog
        .update(|edit| {
            for change in changes {
                match change {
                    Change::Put(id, path) => edit.put(&entry(id, path.as_str()))?,
                    Change::SetState(id, state) if edit.get(id).is_some() => {
                        edit.set_state(id, *state)?;
                    }
                    Change::SetState(..) => {}
                    Change::Forget(id) => drop(edit.forget(id)),
                }
            }
            Ok(())
        })
        .unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// CAT-478
    #[test]
    fn a_reader_of_differences_sees_what_a_reader_of_everything_sees(
        steps in prop::collection::vec(steps(), 1..16),
    ) {
        let root = tempfile::tempdir().unwrap();
        let writer = FsCatalog::new(root.path()).unwrap();
        let reader = FsCatalog::new(root.path()).unwrap();
        let index = root.path().join("index.json");
        write(&writer, &[Change::Put("first".to_owned(), "m".to_owned())]);
        for step in &steps {
            match step {
                Step::Write(changes, false) => write(&writer, changes),
                Step::Write(changes, true) => {
                    write(&FsCatalog::new(root.path()).unwrap(), changes);
                }
                Step::Damage(at, anew) => {
                    let good = fs::read(&index).unwrap();
                    fs::write(&index, &good[..at.index(good.len())]).unwrap();
                    prop_assert_eq!(reader.list().unwrap_err().code(), "index_damaged");
                    prop_assert_eq!(writer.list().unwrap_err().code(), "index_damaged");
                    if *anew {
                        let whole = root.path().join("whole");
                        fs::write(&whole, &good).unwrap();
                        fs::rename(&whole, &index).unwrap();
                    } else {
                        fs::write(&index, &good).unwrap();
                    }
                }
            }
            let whole: Vec<CatalogEntry> = FsCatalog::new(root.path()).unwrap().list().unwrap();
            prop_assert_eq!(&reader.list().unwrap(), &whole, "{:?}", step);
            prop_assert_eq!(&writer.list().unwrap(), &whole, "{:?}", step);
            let generation = reader.snapshot().unwrap().generation();
            prop_assert_eq!(writer.snapshot().unwrap().generation(), generation);
        }
    }
}
