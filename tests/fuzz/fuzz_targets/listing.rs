//! Any listing of a repository of the hub: each chosen name stays in the folder of the model, and no
//! name is chosen twice.

#![no_main]

use std::collections::BTreeSet;
use std::path::{Component, Path};

use catalog_core::fetching::HubFiles;
use catalog_core::{FetchTask, FilePatterns, ModelRef};
use libfuzzer_sys::fuzz_target;

/// The reference after `hf:org/repo`, the include and exclude patterns, and the paths of the listing.
type Input<'a> = (&'a str, Vec<&'a str>, Vec<&'a str>, Vec<&'a str>);

fuzz_target!(|input: Input<'_>| {
    let (rest, include, exclude, listing) = input;
    let Ok(model) = ModelRef::parse(&format!("hf:org/repo{rest}")) else {
        return;
    };
    if model.as_hf().is_none() {
        return;
    }
    let patterns = [FilePatterns::default().include(include).exclude(exclude)];
    let mut task = FetchTask::new(&model);
    if !patterns[0].is_empty() {
        task.patterns = &patterns;
    }
    let Ok(chosen) = HubFiles::choose(&task, &listing) else {
        return;
    };
    assert!(!chosen.files.is_empty());
    let mut names = BTreeSet::new();
    for file in &chosen.files {
        assert!(listing.contains(&file.path.as_str()));
        assert!(task.wants(&file.name));
        assert!(names.insert(&file.name), "two files have the name {:?}", file.name);
        let mut parts = Path::new(&file.name).components();
        assert!(parts.all(|part| matches!(part, Component::Normal(_))), "{:?}", file.name);
    }
});
