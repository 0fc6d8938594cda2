//! The contract of [`ModelFetcher`], for every implementation. Each case takes a function that makes
//! the fetcher under test, with references for it, in a folder of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::calls::{fails, holds, returns};
use super::sandbox::Sandbox;
use crate::catalog::FsCatalog;
use crate::error::{CatalogError, Result};
use crate::fetch::{FetchTask, ModelFetcher, SourceHost};
use crate::reference::{ModelId, ModelRef};

/// Makes a `#[test]` of each case; takes a function from a folder to a [`FetcherUnderTest`]. Needs feature
/// `conformance`.
#[macro_export]
macro_rules! model_fetcher_conformance {
    ($make:expr) => {
        $crate::conformance_tests!(
            model_fetcher,
            $make,
            [
                the_model_is_complete_under_the_id_of_its_reference,
                a_present_model_is_returned_again,
                a_reference_of_another_kind_is_refused_before_any_effect,
                an_absent_model_is_an_error_that_leaves_nothing,
                asking_about_a_reference_has_no_effect,
                a_staged_model_is_complete_and_passes_verification,
                a_stage_that_is_stopped_leaves_nothing,
                pointers_to_a_fetcher_are_the_fetcher,
            ]
        );
    };
}

/// A fetcher, with references for it.
#[derive(Debug)]
pub struct FetcherUnderTest<F> {
    /// The fetcher. One that has a store of its own opens it in `root` of its folder.
    pub fetcher: F,
    /// A model of one file that it can fetch.
    pub present: ModelRef,
    /// The bytes of that file.
    pub content: Vec<u8>,
    /// A model of a kind that it handles, which its source does not have.
    pub absent: ModelRef,
    /// A reference that it does not handle, unless it handles all.
    pub foreign: Option<ModelRef>,
}

fn id_of(mr: &ModelRef) -> String {
    mr.id().expect("the reference has an id")
}

fn model_id(mr: &ModelRef) -> ModelId {
    mr.model_id().expect("the reference has an id")
}

/// Returns all paths below a folder, without locks, which may be made at any time.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        let entries = fs::read_dir(&next).expect("it can be listed");
        for entry in entries.map(|entry| entry.expect("it can be listed")) {
            let path = entry.path();
            if path.ends_with("locks") {
                continue;
            }
            if path.is_dir() {
                folders.push(path.clone());
            }
            paths.push(path);
        }
    }
    paths.sort();
    paths
}

/// The files of a model that a fetcher left at a path, as a case compares them.
fn content_at(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| CatalogError::Io {
        action: "read",
        path: path.to_path_buf(),
        source: error,
    })
}

/// Checks that a call changed nothing in the folder of the fetcher.
#[track_caller]
fn nothing_changed(call: &str, folder: &Path, before: Vec<PathBuf>) {
    returns(format!("the files after {call}"), Ok(below(folder)), before);
}

/// CAT-510
pub fn the_model_is_complete_under_the_id_of_its_reference<F: ModelFetcher>(
    make: impl Fn(&Path) -> FetcherUnderTest<F>,
) {
    let sandbox = Sandbox::new();
    let test = make(&sandbox.root());
    let call = format!("ensure_present({:?})", test.present);
    let found = test.fetcher.ensure_present(&test.present);
    let path = found.as_ref().map(|found| found.local_path.clone());
    let path = path.unwrap_or_default();
    let id = found.map(|found| found.id);
    returns(format!("the id of {call}"), id, id_of(&test.present));
    holds(
        format!("the path of {call} is absolute: {path:?}"),
        path.is_absolute(),
        true,
    );
    let content = content_at(&path);
    returns(format!("the content of {path:?}"), content, test.content);
}

/// CAT-511
pub fn a_present_model_is_returned_again<F: ModelFetcher>(
    make: impl Fn(&Path) -> FetcherUnderTest<F>,
) {
    let sandbox = Sandbox::new();
    let test = make(&sandbox.root());
    let call = format!("ensure_present({:?})", test.present);
    let first = test.fetcher.ensure_present(&test.present).expect(&call);
    let before = below(&sandbox.root());
    returns(&call, test.fetcher.ensure_present(&test.present), first);
    nothing_changed("a second call", &sandbox.root(), before);
}

/// CAT-512
pub fn a_reference_of_another_kind_is_refused_before_any_effect<F: ModelFetcher>(
    make: impl Fn(&Path) -> FetcherUnderTest<F>,
) {
    let sandbox = Sandbox::new();
    let test = make(&sandbox.root());
    let Some(foreign) = &test.foreign else {
        return;
    };
    let before = below(&sandbox.root());
    let call = format!("ensure_present({foreign:?})");
    fails(&call, test.fetcher.ensure_present(foreign), "no_fetcher");
    let supports = test.fetcher.supports(foreign);
    holds(format!("supports({foreign:?})"), supports, false);
    nothing_changed(&call, &sandbox.root(), before);
}

/// CAT-513
pub fn an_absent_model_is_an_error_that_leaves_nothing<F: ModelFetcher>(
    make: impl Fn(&Path) -> FetcherUnderTest<F>,
) {
    let sandbox = Sandbox::new();
    let test = make(&sandbox.root());
    let call = format!("ensure_present({:?})", test.absent);
    let error = match test.fetcher.ensure_present(&test.absent) {
        Ok(found) => panic!("{call}\nexpected: an error\n  actual: Ok({found:?})"),
        Err(error) => error,
    };
    let is_handled = error.code() != "no_fetcher";
    holds(
        format!("{call} handles such references: {error}"),
        is_handled,
        true,
    );
    let text = test.absent.to_string();
    let name = text.rsplit('/').next().unwrap_or_default();
    let is_named = error.to_string().contains(name);
    holds(
        format!("the error of {call} names {name}: {error}"),
        is_named,
        true,
    );
    let mut left = below(&sandbox.root());
    left.retain(|path| {
        let folder = path.parent();
        folder.is_some_and(|folder| folder.ends_with("staging"))
    });
    returns(format!("the staging areas after {call}"), Ok(left), vec![]);
}

/// CAT-514
pub fn asking_about_a_reference_has_no_effect<F: ModelFetcher>(
    make: impl Fn(&Path) -> FetcherUnderTest<F>,
) {
    let sandbox = Sandbox::new();
    let test = make(&sandbox.root());
    let before = below(&sandbox.root());
    for mr in [&test.present, &test.absent] {
        if let SourceHost::Other(host) = test.fetcher.source_host(mr) {
            let call = format!("source_host({mr:?})");
            returns(call, Ok(host.clone()), host.to_lowercase());
        }
        let supports = test.fetcher.supports(mr);
        holds(
            format!("supports({mr:?})"),
            test.fetcher.supports(mr),
            supports,
        );
    }
    nothing_changed("supports and source_host", &sandbox.root(), before);
}

/// CAT-515
pub fn a_staged_model_is_complete_and_passes_verification<F: ModelFetcher>(
    make: impl Fn(&Path) -> FetcherUnderTest<F>,
) {
    let sandbox = Sandbox::new();
    let test = make(&sandbox.root());
    if !test.fetcher.supports(&test.present) {
        return;
    }
    let catalog = FsCatalog::new(sandbox.inside("root")).expect("a catalog can be opened");
    let staging = catalog.artifacts().stage(&model_id(&test.present), 0);
    let mut staging = staging.expect("a staging area can be made");
    let task = FetchTask::new(&test.present);
    let call = format!("stage({:?})", test.present);
    let mut last = None;
    let fetched = test.fetcher.stage(&task, &mut staging, &mut |now| {
        last = Some(now);
        Ok(())
    });
    let fetched = fetched.expect(&call);
    let size = test.content.len() as u64;
    if let Some(total) = last.and_then(|now| now.total) {
        returns(format!("the total progress of {call}"), Ok(total), size);
    }
    let verified = staging.verify(&fetched.expectation, &mut |_| Ok(()));
    let verified = verified.expect("the staged files pass verification");
    let manifest = verified.manifest();
    returns(format!("the size after {call}"), Ok(manifest.size()), size);
    let revision = Ok(manifest.revision.clone());
    returns(
        format!("the revision after {call}"),
        revision,
        fetched.revision,
    );
    let artifact = verified.publish().expect("it can be published");
    let content = content_at(artifact.path());
    returns(format!("the content after {call}"), content, test.content);
}

/// CAT-516
pub fn a_stage_that_is_stopped_leaves_nothing<F: ModelFetcher>(
    make: impl Fn(&Path) -> FetcherUnderTest<F>,
) {
    let sandbox = Sandbox::new();
    let test = make(&sandbox.root());
    if !test.fetcher.supports(&test.present) {
        return;
    }
    let catalog = FsCatalog::new(sandbox.inside("root")).expect("a catalog can be opened");
    let staging = catalog.artifacts().stage(&model_id(&test.present), 0);
    let mut staging = staging.expect("a staging area can be made");
    let folder = staging.folder();
    let task = FetchTask::new(&test.present);
    let call = format!("stage({:?}) with a progress that fails", test.present);
    let mut is_told = false;
    let stopped = test.fetcher.stage(&task, &mut staging, &mut |_| {
        is_told = true;
        Err(CatalogError::Cancelled)
    });
    match is_told {
        true => fails(call, stopped, "cancelled"),
        // It was done before it reported anything.
        false => drop(stopped.expect(&call)),
    }
    drop(staging);
    holds(
        format!("{} exists", folder.display()),
        folder.exists(),
        false,
    );
}

/// CAT-517
pub fn pointers_to_a_fetcher_are_the_fetcher<F: ModelFetcher>(
    make: impl Fn(&Path) -> FetcherUnderTest<F>,
) {
    fn ask(fetcher: impl ModelFetcher, mr: &ModelRef) -> (PathBuf, bool, SourceHost) {
        let found = fetcher.ensure_present(mr).expect("ensure_present");
        let host = fetcher.source_host(mr);
        (found.local_path, fetcher.supports(mr), host)
    }
    let sandbox = Sandbox::new();
    let test = make(&sandbox.root());
    let mr = &test.present;
    let direct = ask(&test.fetcher, mr);
    let boxed = ask(Box::new(&test.fetcher), mr);
    returns("the answers of a box", Ok(boxed), direct.clone());
    let shared = ask(Arc::new(&test.fetcher), mr);
    returns("the answers of an Arc", Ok(shared), direct);
}
