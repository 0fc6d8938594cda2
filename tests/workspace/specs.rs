//! Every requirement names its tests, and every test that names a requirement is named by it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::{read, rust_files, top};

/// A requirement's id to the tests that show it.
type Links = BTreeMap<String, BTreeSet<String>>;

fn is_id(word: &str) -> bool {
    let Some((prefix, number)) = word.split_once('-') else {
        return false;
    };
    let digits = if prefix == "ORCH" { 4..=4 } else { 3..=4 };
    ["CAT", "PROV", "ENG", "NET", "ORCH"].contains(&prefix)
        && digits.contains(&number.len())
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// The rows `| id | requirement | `test`, … |` of all specifications.
fn specified() -> Links {
    let mut links = Links::new();
    for entry in fs::read_dir(top().join(".specs")).unwrap() {
        for line in read(entry.unwrap().path()).lines() {
            let cells: Vec<&str> = line.split(" | ").collect();
            let Some(id) = cells[0].strip_prefix("| ").filter(|id| is_id(id)) else {
                continue;
            };
            assert_eq!(cells.len(), 3, "{line} has an id, a requirement and tests");
            let tests = cells[2]
                .split('`')
                .skip(1)
                .step_by(2)
                .map(str::to_owned)
                .collect();
            assert!(
                links.insert(id.to_owned(), tests).is_none(),
                "{id} is specified once"
            );
        }
    }
    links
}

/// The ids in the documentation right above each function, in all sources and tests.
fn shown() -> Links {
    let mut links = Links::new();
    let mut places = BTreeMap::new();
    for file in ["crates", "tests"].into_iter().flat_map(rust_files) {
        let mut ids: BTreeSet<String> = BTreeSet::new();
        for line in read(&file).lines().map(str::trim) {
            if let Some(text) = line.strip_prefix("///") {
                let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
                ids.extend(words.filter(|word| is_id(word)).map(str::to_owned));
                continue;
            }
            if line.starts_with('#') {
                continue;
            }
            let signature = line.strip_prefix("pub ").unwrap_or(line);
            let name = signature
                .strip_prefix("fn ")
                .and_then(|rest| rest.split(['(', '<']).next());
            for id in std::mem::take(&mut ids) {
                let name =
                    name.unwrap_or_else(|| panic!("{id} in {} is above a test", file.display()));
                if let Some(other) = places.insert(name.to_owned(), file.clone()) {
                    assert_eq!(other, file, "two tests are called {name}");
                }
                links.entry(id).or_default().insert(name.to_owned());
            }
        }
    }
    links
}

/// CAT-704
#[test]
fn requirements_and_tests_name_each_other() {
    let (specified, shown) = (specified(), shown());
    assert!(specified.len() > 50, "the specifications were found");
    for (id, tests) in &specified {
        assert!(!tests.is_empty(), "{id} names no test");
        let found = shown
            .get(id)
            .unwrap_or_else(|| panic!("no test names {id}"));
        assert_eq!(tests, found, "what {id} names, and what names {id}");
    }
    for (id, tests) in &shown {
        assert!(
            specified.contains_key(id),
            "{tests:?} names {id}, which is not specified"
        );
    }
}

/// CAT-705
#[test]
fn every_case_of_a_conformance_suite_is_run() {
    for suite in [
        "catalog_store",
        "engine_store",
        "model_fetcher",
        "rooted_catalog",
        "rooted_engine_store",
    ] {
        let text = read(format!("crates/catalog-core/src/conformance/{suite}.rs"));
        let cases: BTreeSet<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix("pub fn ")?.split('<').next())
            .collect();
        let (_, list) = text.split_once("macro_rules!").unwrap();
        let (_, list) = list.split_once('[').unwrap();
        let (list, _) = list.split_once(']').unwrap();
        let listed: BTreeSet<&str> = list
            .split([',', '\n', ' ', ']'])
            .filter(|word| word.len() > 3 && word.contains('_'))
            .collect();
        assert_eq!(cases, listed, "{suite}");
    }
}
