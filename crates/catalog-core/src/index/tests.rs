//! Tests of how much of a file is read. The record type counts the parsed records.

use std::cell::Cell;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::index_files::IndexFiles;
use super::json_index::{JsonIndex, Writing};
use super::record::Record;
use crate::progress::Limits;
use crate::root::{IndexFile, Locking, StoreRoot};

thread_local! {
    /// The number of records that this thread parsed.
    static PARSED: Cell<usize> = const { Cell::new(0) };
    /// The number of records that this thread will treat as damaged.
    static REFUSED: Cell<usize> = const { Cell::new(0) };
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Counted {
    value: u64,
}

impl Record for Counted {
    const FILE: IndexFile = IndexFile::Models;
    const VERSION: u64 = 2;
    const FIELDS: &'static [&'static str] = &["value"];

    fn normalise(&mut self, _: &StoreRoot) -> Result<(), &'static str> {
        PARSED.set(PARSED.get() + 1);
        match REFUSED.get() {
            0 => Ok(()),
            some => {
                REFUSED.set(some - 1);
                Err("is torn")
            }
        }
    }
}

fn open(root: &Path) -> JsonIndex<Counted> {
    let root = StoreRoot::open(root).unwrap();
    let writing = Writing {
        locking: Locking::Kernel,
        wait: Duration::from_secs(30),
    };
    let files = IndexFiles::new::<Counted, Counted, Counted>(root);
    JsonIndex::new(Arc::new(files), writing)
}

fn put(index: &JsonIndex<Counted>, id: &str, value: u64) {
    let change = |edit: &mut super::Edit<Counted>| {
        edit.insert(id, Counted { value });
        Ok(())
    };
    index.update(&Limits::none(), change).unwrap();
}

/// Returns the number of records that `work` parsed.
fn parsed(work: impl FnOnce()) -> usize {
    let before = PARSED.get();
    work();
    PARSED.get() - before
}

/// CAT-480
#[test]
fn a_wrong_file_is_damage_only_if_a_second_look_finds_the_same() {
    let root = tempfile::tempdir().unwrap();
    put(&open(root.path()), "a", 7);
    let reader = open(root.path());
    // A reader gets such an error if a writer on a full disk overwrites the file that it reads.
    REFUSED.set(1);
    let snapshot = reader.snapshot().unwrap();
    assert_eq!(snapshot.get("a"), Some(&Counted { value: 7 }));

    let reader = open(root.path());
    REFUSED.set(9);
    let looks = parsed(|| {
        let error = reader.snapshot().unwrap_err();
        assert_eq!(error.code(), "index_damaged");
    });
    REFUSED.set(0);
    assert_eq!(looks, 2);
    assert!(reader.snapshot().is_ok(), "the next call looks again");
}

/// CAT-481
#[test]
fn a_handle_does_not_read_its_own_write() {
    let root = tempfile::tempdir().unwrap();
    let index = open(root.path());
    for value in 0..10 {
        let id = format!("id-{}", value % 7);
        let read = parsed(|| {
            put(&index, &id, value);
            assert_eq!(index.snapshot().unwrap().get(&id), Some(&Counted { value }));
        });
        assert_eq!(read, 0, "write {value}");
    }
}

/// CAT-481
#[test]
fn a_change_of_another_handle_costs_the_lines_that_changed() {
    let root = tempfile::tempdir().unwrap();
    let (writer, reader) = (open(root.path()), open(root.path()));
    let change = |edit: &mut super::Edit<Counted>| {
        for number in 0..500 {
            edit.insert(&format!("id-{number:03}"), Counted { value: number });
        }
        Ok(())
    };
    writer.update(&Limits::none(), change).unwrap();
    let look = |id: &str| reader.snapshot().unwrap().get(id).cloned();
    assert_eq!(
        parsed(|| _ = look("id-000")),
        500,
        "the first look reads all"
    );
    for (id, value) in [("id-000", 1), ("id-250", 77), ("id-499", 1), ("new", 1)] {
        put(&writer, id, value);
        let read = parsed(|| assert_eq!(look(id), Some(Counted { value })));
        assert!((1..=2).contains(&read), "{read} of 500 for {id}");
        assert_eq!(parsed(|| _ = look(id)), 0, "it is read once");
    }
    // Another file with the same bytes is a new file: it is read, and at most one line is parsed.
    let path = writer.path();
    let copy = root.path().join("copy");
    fs::copy(path, &copy).unwrap();
    fs::rename(&copy, path).unwrap();
    assert!(parsed(|| _ = look("new")) <= 1);
}
