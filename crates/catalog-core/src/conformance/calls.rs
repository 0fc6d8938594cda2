//! Calls of the stores under test. A call with another result than the expected one fails its case
//! with the call, the expected and the actual result.

use std::fmt::{Debug, Display};
use std::path::{Path, PathBuf};

use crate::catalog::{CatalogStore, EngineStore};
use crate::entry::{CatalogEntry, EngineEntry, LifecycleState};
use crate::error::Result;

/// Checks that a call returned `Ok` with an expected value.
#[track_caller]
pub(super) fn returns<T: PartialEq + Debug>(call: impl Display, actual: Result<T>, expected: T) {
    match actual {
        Ok(actual) if actual == expected => {}
        other => disagrees(call, format!("Ok({expected:?})"), &other),
    }
}

/// Checks that a call returned an error with an expected code.
#[track_caller]
pub(super) fn fails<T: Debug>(call: impl Display, actual: Result<T>, code: &str) {
    match actual {
        Err(error) if error.code() == code => {}
        other => disagrees(call, format!("an error with the code {code:?}"), &other),
    }
}

/// Checks a fact about the host after a call.
#[track_caller]
pub(super) fn holds(fact: impl Display, actual: bool, expected: bool) {
    assert!(
        actual == expected,
        "{fact}\nexpected: {expected}\n  actual: {actual}"
    );
}

/// Checks whether a file or folder is on the host, for this reason.
#[track_caller]
pub(super) fn is_there(path: &Path, why: &str, expected: bool) {
    let fact = format!("{} exists, {why}", path.display());
    holds(fact, path.exists(), expected);
}

#[track_caller]
fn disagrees<T: Debug>(call: impl Display, expected: String, actual: &Result<T>) -> ! {
    let actual = match actual {
        Ok(value) => format!("Ok({value:?})"),
        Err(error) => format!("the error {:?}: {error}", error.code()),
    };
    let (call, expected, actual) = (
        shortened(&call.to_string()),
        shortened(&expected),
        shortened(&actual),
    );
    panic!("{call}\nexpected: {expected}\n  actual: {actual}")
}

/// Returns a text without the middle of long runs of one character, as in ids of the maximum length.
fn shortened(text: &str) -> String {
    const KEPT: usize = 40;
    let mut short = String::new();
    let mut run = ('\0', 0);
    for c in text.chars() {
        run = match run {
            (last, count) if last == c => (c, count + 1),
            _ => (c, 1),
        };
        match run.1 {
            count if count <= KEPT => short.push(c),
            count if count == KEPT + 1 => short.push('…'),
            _ => {}
        }
    }
    short
}

pub(super) fn entry(id: &str, path: impl Into<PathBuf>) -> CatalogEntry {
    CatalogEntry {
        id: id.to_owned(),
        local_path: path.into(),
        lifecycle: LifecycleState::Active,
        digest: None,
        last_verified_ms: None,
    }
}

#[track_caller]
pub(super) fn put(store: &impl CatalogStore, entry: &CatalogEntry) {
    returns(format!("put({entry:?})"), store.put(entry), ());
}

#[track_caller]
pub(super) fn get(store: &impl CatalogStore, id: &str, expected: Option<&CatalogEntry>) {
    returns(format!("get({id:?})"), store.get(id), expected.cloned());
}

#[track_caller]
pub(super) fn delete(store: &impl CatalogStore, id: &str, expected: bool) {
    returns(format!("delete({id:?})"), store.delete(id), expected);
}

#[track_caller]
pub(super) fn set_state(store: &impl CatalogStore, id: &str, state: LifecycleState) {
    let call = format!("set_state({id:?}, {state:?})");
    returns(call, store.set_state(id, state), ());
}

/// Returns the entries of a store.
#[track_caller]
pub(super) fn list(store: &impl CatalogStore) -> Vec<CatalogEntry> {
    match store.list() {
        Ok(entries) => entries,
        other => disagrees("list()", "Ok(…)".to_owned(), &other),
    }
}

/// Checks that a store refuses an entry for this reason, and keeps the entries that it has.
#[track_caller]
pub(super) fn refuses(store: &impl CatalogStore, entry: &CatalogEntry, code: &str) {
    let before = list(store);
    fails(format!("put({entry:?})"), store.put(entry), code);
    let call = format!("list() after the refusal of {entry:?}");
    returns(call, store.list(), before);
}

pub(super) fn engine(id: &str, artifacts: Vec<PathBuf>) -> EngineEntry {
    EngineEntry {
        id: id.to_owned(),
        engine: "llama.cpp".to_owned(),
        version: "b4000".to_owned(),
        build_ref: None,
        digest: None,
        build_flags: None,
        artifacts,
        created_ms: 0,
    }
}

#[track_caller]
pub(super) fn put_engine(store: &impl EngineStore, entry: &EngineEntry) {
    returns(format!("put({entry:?})"), store.put(entry), ());
}

#[track_caller]
pub(super) fn get_engine(store: &impl EngineStore, id: &str, expected: Option<&EngineEntry>) {
    returns(format!("get({id:?})"), store.get(id), expected.cloned());
}

#[track_caller]
pub(super) fn delete_engine(store: &impl EngineStore, id: &str, expected: bool) {
    returns(format!("delete({id:?})"), store.delete(id), expected);
}

/// Checks that an empty store refuses an entry for this reason, and stays empty.
#[track_caller]
pub(super) fn refuses_engine(store: &impl EngineStore, entry: &EngineEntry, code: &str) {
    fails(format!("put({entry:?})"), store.put(entry), code);
    let call = format!("list() after the refusal of {entry:?}");
    returns(call, store.list(), Vec::new());
}
