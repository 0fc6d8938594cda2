//! How a scrub records what it finds.

use std::cell::RefCell;
use std::fs;
use std::time::Duration;

use catalog_core::maintenance::ScrubBudget;
use catalog_core::{CatalogEntry, CatalogError, CatalogStore, VerificationOutcomeKind as Kind};

use super::recorded::{ALL, host, outside, recorded};

/// CAT-1008
#[test]
fn a_scrub_writes_what_it_finds_together_and_counts_every_attempt() {
    let (folder, catalog) = host();
    let entries: Vec<CatalogEntry> = (0..100)
        .map(|number| outside(folder.path(), &format!("{number:03}"), "weights"))
        .collect();
    catalog
        .update(|edit| entries.iter().try_for_each(|entry| edit.put(entry)))
        .unwrap();
    fs::remove_file(&entries[0].local_path).unwrap();
    let generation = || catalog.snapshot().unwrap().generation();
    let before = generation();
    let few = |bytes| ScrubBudget::new(bytes, Duration::MAX);
    let report = catalog.scrub(few(7 * 80), &mut |_, _| Ok(())).unwrap();
    assert_eq!(
        (report.verified.len(), report.failed.len(), report.left),
        (80, 1, 19)
    );
    assert_eq!(generation(), before + 2, "after 64 models, and at the end");
    // The missing one had its turn.
    let report = catalog.scrub(few(7 * 20), &mut |_, _| Ok(())).unwrap();
    let ids: Vec<&str> = report.verified.iter().map(|found| &*found.id).collect();
    assert_eq!((ids[0], ids[18], ids[19]), ("081", "099", "001"));
    assert_eq!(report.failed[0].what, "000");
    assert_eq!(report.failed[0].why.code(), "artifact_missing");
}

/// CAT-1008
#[test]
fn a_scrub_of_many_models_writes_sixteen_times() {
    let (folder, catalog) = host();
    let entries: Vec<CatalogEntry> = (0..1600)
        .map(|number| outside(folder.path(), &format!("{number:04}"), "weights"))
        .collect();
    catalog
        .update(|edit| entries.iter().try_for_each(|entry| edit.put(entry)))
        .unwrap();
    let generation = || catalog.snapshot().unwrap().generation();
    let before = generation();
    let report = catalog.scrub(ALL, &mut |_, _| Ok(())).unwrap();
    assert_eq!(report.verified.len(), 1600);
    assert_eq!(generation(), before + 16);
}

/// CAT-1009
#[test]
fn a_scrub_records_a_failure_at_once_and_all_else_before_it_is_stopped() {
    let (folder, catalog) = host();
    for id in ["a", "b", "c"] {
        catalog.put(&outside(folder.path(), id, "weights")).unwrap();
    }
    let b = catalog.get("b").unwrap().unwrap();
    fs::write(b.local_path, "WEIGHTS").unwrap();
    let seen = RefCell::new(Vec::new());
    let stopped = catalog.scrub(ALL, &mut |id, _| {
        let kind = |id| recorded(&catalog, id).map(|found| found.outcome.kind);
        seen.borrow_mut().push((kind("a"), kind("b")));
        match id {
            "c" => Err(CatalogError::Cancelled),
            _ => Ok(()),
        }
    });
    assert_eq!(stopped.unwrap_err().code(), "cancelled");
    assert_eq!(
        seen.into_inner(),
        [
            (None, None),
            (None, None),
            (Some(Kind::Pass), Some(Kind::Fail))
        ]
    );
    assert!(recorded(&catalog, "c").is_none());
}

/// CAT-1009
#[test]
fn a_scrub_stops_with_any_error_of_its_progress() {
    let (folder, catalog) = host();
    for id in ["a", "b"] {
        catalog.put(&outside(folder.path(), id, "weights")).unwrap();
    }
    let mut seen = Vec::new();
    let stopped = catalog.scrub(ALL, &mut |id, _| {
        seen.push(id.to_owned());
        Err(CatalogError::InUse { path: "/x".into() })
    });
    assert_eq!(stopped.unwrap_err().code(), "in_use");
    assert_eq!(seen, ["a"], "the second model is not begun");
}
