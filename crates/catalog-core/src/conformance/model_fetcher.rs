//! What every [`ModelFetcher`] does. Each case takes a function that makes the fetcher under test,
//! with what it may be asked for, in a folder of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::sandbox::Sandbox;
use crate::catalog::FsCatalog;
use crate::error::CatalogError;
use crate::fetch::{FetchTask, ModelFetcher};
use crate::reference::{ModelId, ModelRef};

/// Makes a `#[test]` of each case; takes a function from a folder to a [`FetcherUnderTest`].
#[macro_export]
macro_rules! model_fetcher_conformance {
    ($make:expr) => {
        $crate::conformance_tests!(
            model_fetcher,
            $make,
            [
                what_it_brings_is_whole_under_the_id_of_its_reference,
                what_is_present_is_given_again,
                a_reference_of_another_kind_is_refused_before_any_effect,
                what_is_not_there_is_an_error_that_leaves_nothing,
                asking_about_a_reference_has_no_effect,
                what_it_stages_is_whole_and_proves_right,
                a_stage_that_is_stopped_leaves_nothing,
                pointers_to_a_fetcher_are_the_fetcher,
            ]
        );
    };
}

/// A fetcher, and what it may be asked for.
#[derive(Debug)]
pub struct FetcherUnderTest<F> {
    /// The fetcher. One that brings models into a store uses the one in `root` of its folder.
    pub fetcher: F,
    /// A model of one file that it can bring.
    pub present: ModelRef,
    /// The bytes of that file.
    pub content: Vec<u8>,
    /// One of a kind that it handles, which is nowhere.
    pub absent: ModelRef,
    /// One of a kind that it does not handle; none for one that handles all.
    pub foreign: Option<ModelRef>,
}

fn id(mr: &ModelRef) -> String {
    mr.id().expect("the reference has an id")
}

fn model_id(mr: &ModelRef) -> ModelId {
    mr.model_id().expect("the reference has an id")
}

/// All paths below a folder, but for locks, which may be made at any time.
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

/// CAT-510
pub fn what_it_brings_is_whole_under_the_id_of_its_reference<F: ModelFetcher>(
    make: impl Fn(&Path) -> FetcherUnderTest<F>,
) {
    let sandbox = Sandbox::new();
    let test = make(&sandbox.root());
    let found = test.fetcher.ensure_present(&test.present);
    let found = found.expect("it can be brought");
    assert_eq!(found.id, id(&test.present));
    assert!(found.local_path.is_absolute(), "{found:?}");
    assert_eq!(
        fs::read(&found.local_path).expect("it is there"),
        test.content
    );
}

/// CAT-511
pub fn what_is_present_is_given_again<F: ModelFetcher>(
    make: impl Fn(&Path) -> FetcherUnderTest<F>,
) {
    let sandbox = Sandbox::new();
    let test = make(&sandbox.root());
    let bring = || test.fetcher.ensure_present(&test.present);
    let first = bring().expect("it can be brought");
    let before = below(&sandbox.root());
    assert_eq!(bring().expect("it is there"), first);
    assert_eq!(below(&sandbox.root()), before, "nothing came or went");
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
    let error = test.fetcher.ensure_present(foreign);
    let error = error.expect_err("it handles no such reference");
    assert_eq!(error.code(), "no_fetcher", "{error}");
    assert!(!test.fetcher.can_stage(foreign));
    assert_eq!(below(&sandbox.root()), before, "nothing came or went");
}

/// CAT-513
pub fn what_is_not_there_is_an_error_that_leaves_nothing<F: ModelFetcher>(
    make: impl Fn(&Path) -> FetcherUnderTest<F>,
) {
    let sandbox = Sandbox::new();
    let test = make(&sandbox.root());
    let error = test.fetcher.ensure_present(&test.absent);
    let error = error.expect_err("it is nowhere");
    assert_ne!(error.code(), "no_fetcher", "it handles such references");
    let named = error.to_string();
    let text = test.absent.to_string();
    let name = text.rsplit('/').next().unwrap_or_default();
    assert!(named.contains(name), "{named} names {name}");
    let left: Vec<PathBuf> = below(&sandbox.root())
        .into_iter()
        .filter(|path| {
            path.parent()
                .is_some_and(|folder| folder.ends_with("staging"))
        })
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

/// CAT-514
pub fn asking_about_a_reference_has_no_effect<F: ModelFetcher>(
    make: impl Fn(&Path) -> FetcherUnderTest<F>,
) {
    let sandbox = Sandbox::new();
    let test = make(&sandbox.root());
    let before = below(&sandbox.root());
    for mr in [&test.present, &test.absent] {
        let host = test.fetcher.outbound_host(mr);
        assert_eq!(host.as_ref().map(|host| host.to_lowercase()), host);
        let can_stage = test.fetcher.can_stage(mr);
        assert_eq!(test.fetcher.can_stage(mr), can_stage);
    }
    assert_eq!(below(&sandbox.root()), before, "nothing came or went");
}

/// CAT-515
pub fn what_it_stages_is_whole_and_proves_right<F: ModelFetcher>(
    make: impl Fn(&Path) -> FetcherUnderTest<F>,
) {
    let sandbox = Sandbox::new();
    let test = make(&sandbox.root());
    let catalog = FsCatalog::new(sandbox.inside("root")).expect("a catalog can be opened");
    let staging = catalog.artifacts().stage(&model_id(&test.present), 0);
    let mut staging = staging.expect("a staging area can be made");
    let task = FetchTask::new(&test.present);
    let mut last = None;
    let staged = test.fetcher.stage(&task, &mut staging, &mut |now| {
        last = Some(now);
        Ok(())
    });
    if !test.fetcher.can_stage(&test.present) {
        let error = staged.expect_err("it cannot stage");
        assert_eq!(error.code(), "no_fetcher", "{error}");
        return;
    }
    let fetched = staged.expect("it can be brought");
    let size = test.content.len() as u64;
    if let Some(total) = last.and_then(|now| now.total) {
        assert_eq!(total, size, "the total that it tells");
    }
    let verified = staging.verify(&fetched.expectation, &mut |_| Ok(()));
    let verified = verified.expect("it is what its source says");
    assert_eq!(verified.manifest().size(), size, "and nothing else");
    assert_eq!(verified.manifest().revision, fetched.revision);
    let artifact = verified.publish().expect("it can be published");
    assert_eq!(
        fs::read(artifact.path()).expect("it is there"),
        test.content
    );
}

/// CAT-516
pub fn a_stage_that_is_stopped_leaves_nothing<F: ModelFetcher>(
    make: impl Fn(&Path) -> FetcherUnderTest<F>,
) {
    let sandbox = Sandbox::new();
    let test = make(&sandbox.root());
    if !test.fetcher.can_stage(&test.present) {
        return;
    }
    let catalog = FsCatalog::new(sandbox.inside("root")).expect("a catalog can be opened");
    let staging = catalog.artifacts().stage(&model_id(&test.present), 0);
    let mut staging = staging.expect("a staging area can be made");
    let folder = staging.folder();
    let task = FetchTask::new(&test.present);
    let stopped = test
        .fetcher
        .stage(&task, &mut staging, &mut |_| Err(CatalogError::Cancelled));
    match stopped {
        Err(error) => {
            assert_eq!(error.code(), "cancelled", "{error}");
            drop(staging);
        }
        // Done before it could be told anything.
        Ok(fetched) => assert!(
            staging
                .verify(&fetched.expectation, &mut |_| Ok(()))
                .is_ok()
        ),
    }
    assert!(!folder.exists(), "nothing is left");
}

/// CAT-517
pub fn pointers_to_a_fetcher_are_the_fetcher<F: ModelFetcher>(
    make: impl Fn(&Path) -> FetcherUnderTest<F>,
) {
    fn bring(fetcher: impl ModelFetcher, mr: &ModelRef) -> (PathBuf, bool, Option<String>) {
        let found = fetcher.ensure_present(mr).expect("it can be brought");
        let host = fetcher.outbound_host(mr);
        (found.local_path, fetcher.can_stage(mr), host)
    }
    let sandbox = Sandbox::new();
    let test = make(&sandbox.root());
    let mr = &test.present;
    let direct = bring(&test.fetcher, mr);
    assert_eq!(bring(Box::new(&test.fetcher), mr), direct);
    assert_eq!(bring(Arc::new(&test.fetcher), mr), direct);
}
