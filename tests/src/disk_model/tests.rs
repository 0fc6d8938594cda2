use std::collections::BTreeSet;

use super::{Action, Tree, crash_states};

fn tree(files: &[(&str, usize, &str)]) -> Tree {
    let mut tree = Tree::default();
    for (name, file, content) in files {
        let content = content.as_bytes();
        tree.files
            .insert((*name).to_owned(), (*file, content.into()));
    }
    tree
}

fn trees(before: &Tree, actions: &[Action]) -> BTreeSet<Tree> {
    let states = crash_states(before, actions).into_iter();
    states.map(|(tree, _)| tree).collect()
}

fn exchange() -> Action {
    Action::Exchange {
        one: "new".to_owned(),
        file: 1,
        other: "index".to_owned(),
        other_file: 2,
    }
}

/// CAT-710
#[test]
fn an_exchange_happens_to_both_names_or_to_none() {
    let before = tree(&[("index", 2, "old"), ("new", 1, "NEW")]);
    let after = tree(&[("index", 1, "NEW"), ("new", 2, "old")]);
    let found = trees(&before, &[exchange()]);
    assert_eq!(found, BTreeSet::from([before.clone(), after.clone()]));

    // The folder's sync makes it certain.
    let root = String::new();
    let sync = Action::SyncFolder { name: root };
    let states = crash_states(&before, &[exchange(), sync, Action::Answer]);
    let answered: Vec<&Tree> = states
        .iter()
        .filter(|(_, answered)| *answered == 1)
        .map(|(tree, _)| tree)
        .collect();
    assert_eq!(answered, [&after]);
}

/// CAT-710
#[test]
fn what_is_written_over_in_place_persists_in_any_part_until_it_is_synced() {
    let old = "o".repeat(1_024);
    let new = "N".repeat(1_024);
    let before = tree(&[("spare", 1, &old)]);
    let write = Action::Write {
        file: 1,
        content: new.clone().into_bytes(),
    };
    let found = trees(&before, std::slice::from_ref(&write));
    for text in [
        old.clone(),
        new.clone(),
        new[..512].to_owned() + &old[512..],
        old[..512].to_owned() + &new[512..],
        new[..256].to_owned(),
    ] {
        let state = tree(&[("spare", 1, &text)]);
        assert!(found.contains(&state), "{}…", &text[..8]);
    }

    // An exchange that is not preceded by the sync may show any of them.
    let before = tree(&[("new", 1, &old), ("index", 2, "index")]);
    let mixture = new[..512].to_owned() + &old[512..];
    let torn = tree(&[("index", 1, &mixture), ("new", 2, "index")]);
    let unsynced = trees(&before, &[write.clone(), exchange()]);
    assert!(unsynced.contains(&torn));
    let synced = trees(&before, &[write, Action::SyncFile { file: 1 }, exchange()]);
    assert!(!synced.contains(&torn));
}

/// CAT-710
#[test]
fn a_rename_out_of_a_synced_folder_does_not_concern_later_files_of_that_name() {
    let mut before = tree(&[("model", 1, "old")]);
    before.folders.insert("removed".to_owned());
    let aside = Action::Rename {
        from: "model".to_owned(),
        to: "removed/1".to_owned(),
        file: 1,
    };
    let create = Action::Create {
        name: "model".to_owned(),
        file: 2,
    };
    let sync = Action::SyncFolder {
        name: String::new(),
    };
    let names = |actions: &[Action]| -> BTreeSet<Vec<(String, usize)>> {
        let mut all = actions.to_vec();
        all.push(Action::Answer);
        let states = crash_states(&before, &all).into_iter();
        let answered = states.filter(|(_, answered)| *answered == 1);
        answered
            .map(|(tree, _)| {
                let files = tree.files.into_iter();
                files.map(|(name, (file, _))| (name, file)).collect()
            })
            .collect()
    };
    let file = |name: &str, file: usize| (name.to_owned(), file);
    // Before the sync, the old name may be there or not.
    let unsynced = names(std::slice::from_ref(&aside));
    assert!(unsynced.contains(&vec![file("model", 1)]));
    assert!(unsynced.contains(&vec![file("removed/1", 1)]));
    // After it, the new file is there in each state, and the old one may be lost.
    let synced = names(&[aside, create, sync]);
    let expected = [
        vec![file("model", 2)],
        vec![file("model", 2), file("removed/1", 1)],
    ];
    assert_eq!(synced, BTreeSet::from(expected));
}

/// CAT-710
#[test]
fn what_is_added_behind_synced_bytes_takes_none_of_them() {
    let before = tree(&[("part", 1, "synced")]);
    let write = |content: &str| Action::Write {
        file: 1,
        content: content.as_bytes().to_vec(),
    };
    let found = trees(&before, &[write("synced and added")]);
    let all_begin = |found: &BTreeSet<Tree>| {
        let mut contents = found.iter().map(|tree| &tree.files["part"].1);
        contents.all(|content| content.starts_with(b"synced"))
    };
    assert!(found.len() > 2 && all_begin(&found), "{found:?}");
    // A file that was cut in between has lost them.
    let found = trees(&before, &[write(""), write("synced and added")]);
    assert!(!all_begin(&found), "{found:?}");
}
