//! Every state that a crash may legally leave of every workload, opened with the library. The quick run
//! opens a part of the states of the workloads that have most.
//!
//! The threads of a fetch change files beside each other. Each trace of a fetch shows one order of these changes, and
//! the states of that order are opened.

mod changes;
mod recording;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::disk_model::{Action, Tree, crash_states};
use crate::figure::{Extent, Measured, Outcome, Sabotage, Trial};
use crate::state::{make_indexes, observe, write_and_look_for_leftovers};
use crate::steps::{Step, fetch_again, split, states, workloads};
use crate::strace::{Site, missing};
use changes::{apply, forget_blanks, forget_locks};
use recording::{Begin, Recording, record};

/// The quick run opens at most this many states of one workload, evenly spread over all of them. The
/// full run opens each state.
const QUICK_STATES_PER_WORKLOAD: usize = 4_000;

/// The same for the workload that fetches and the states with a journal, and half as many of the others: behind each
/// state, the model is fetched again.
const QUICK_STATES_OF_FETCH: usize = 600;

pub(super) fn measure(trial: Trial) -> Outcome {
    if let Some(reason) = missing() {
        return Outcome::Skipped(reason);
    }
    let (longest, bound) = match trial.extent {
        // Without syncs every change stays pending, and the states of two calls are countless.
        _ if trial.sabotage != Sabotage::Nothing => (1, 0),
        Extent::Quick => (2, 2_000),
        Extent::Full => (3, 100_000),
    };
    let mut all = workloads(longest);
    if trial.sabotage != Sabotage::Nothing {
        // With as many pending names as managed models have, there would be millions of states.
        all.retain(|workload| workload.iter().all(|step| !step.is_managed()));
    }
    let mut measured = Measured::of(trial);
    let opened = measured.for_each(&all, |workload, measured| {
        try_workload(workload, Disk::Good, trial, measured)
    });
    measured.count("workloads", all.len());
    if trial.sabotage == Sabotage::NoFileSync {
        let mut of_fetch = Measured::of(trial);
        try_workload(&[Step::Fetch], Disk::Good, trial, &mut of_fetch);
        measured.include(of_fetch);
    }
    // The other ways to replace an index differ by call, not by what was called before.
    let mut short = workloads(1);
    short.retain(|workload| workload.iter().all(|step| !step.is_managed()));
    for (disk, what) in [
        (
            Disk::WithoutExchange,
            "states where names cannot be exchanged",
        ),
        (Disk::Full, "states on a full disk"),
    ] {
        if measured.is_hopeless() {
            break;
        }
        let opened = measured.for_each(&short, |workload, measured| {
            try_workload(workload, disk, trial, measured)
        });
        measured.count(what, opened);
    }
    measured.at_least(bound, "states", opened);
    Outcome::Measured(measured)
}

/// The answers of the disk while a workload runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Disk {
    /// Each call succeeds.
    Good,
    /// The disk cannot exchange names.
    WithoutExchange,
    /// The disk is full when a new index is written for the first time.
    Full,
}

/// Returns the options with which `strace` plays such a disk for a workload, or `None` if the
/// workload makes no call that the disk refuses.
fn refusal(disk: Disk, workload: &[Step]) -> Option<Vec<String>> {
    let inject = match disk {
        Disk::Good => return Some(Vec::new()),
        Disk::WithoutExchange => "inject=renameat2:error=EINVAL".to_owned(),
        Disk::Full => {
            // On a root as the workload begins with.
            let site = Site::new();
            make_indexes(&site.root()).ok()?;
            let number = first_write_of_new_index(&site.trace(workload))?;
            format!("inject=write:error=ENOSPC:when={number}")
        }
    };
    Some(vec!["-e".to_owned(), inject])
}

/// Returns the number of the `write` call that is the first into a new index file beside an old one.
fn first_write_of_new_index(trace: &str) -> Option<usize> {
    let name: String = ".index.json.new"
        .bytes()
        .map(|byte| format!("\\x{byte:02x}"))
        .collect();
    let mut descriptor = None;
    let mut number = 0;
    for line in trace.lines() {
        let Some((call, rest)) = line.split_once('(') else {
            continue;
        };
        if call == "openat" && rest.contains(&name) && rest.contains("O_CREAT") {
            descriptor = rest.rsplit_once(" = ").map(|(_, result)| result.trim());
        }
        if call == "write" {
            number += 1;
            if descriptor.is_some_and(|file| rest.starts_with(&format!("{file}, "))) {
                return Some(number);
            }
        }
    }
    None
}

/// Whether a workload makes the first change of a root, which makes all indexes. Others begin behind
/// that: with the files of the first change still pending, they would have countless states.
fn is_on_fresh_root(workload: &[Step]) -> bool {
    match workload {
        [step] => !step.is_managed() || *step == Step::ImportM,
        _ => false,
    }
}

/// The end of the name of a journal.
const JOURNAL: &str = "/journal.json";

/// Returns at most so many states, evenly spread over all of them.
fn spread<T>(states: Vec<T>, most: usize) -> Vec<T> {
    let distance = states.len().div_ceil(most).max(1);
    states.into_iter().step_by(distance).collect()
}

/// Returns the distance between two states behind which the model is fetched again. Other calls before the fetch change
/// little of it.
fn distance_of_fetches(workload: &[Step]) -> usize {
    match workload {
        [_] => 1,
        _ => 100,
    }
}

/// Opens the states that a crash of this workload may leave. Returns the number of opened states.
fn try_workload(workload: &[Step], disk: Disk, trial: Trial, measured: &mut Measured) -> usize {
    let sabotage = trial.sabotage;
    // Without its syncs, the first change of a root leaves countless states too.
    let is_plain = disk == Disk::Good && sabotage == Sabotage::Nothing;
    let begin = match is_plain && is_on_fresh_root(workload) {
        true => Begin::Fresh,
        false => Begin::Indexes,
    };
    let recording = match record(workload, disk, begin) {
        Ok(Some(recording)) => recording,
        Ok(None) => return 0,
        Err(why) => {
            measured.violation(format!("{workload:?}: {why}"));
            return 0;
        }
    };
    let Recording {
        site,
        before,
        mut actions,
    } = recording;
    let (done, traced) = split(workload);
    let root = site.root();
    forget_locks(&mut actions);
    forget_blanks(&mut actions);
    apply(sabotage, &mut actions);
    let answered = actions
        .iter()
        .filter(|action| **action == Action::Answer)
        .count();
    measured.check(answered == traced.len(), || {
        format!("{workload:?}: the trace shows {answered} answers")
    });

    let expected = &states(workload)[done.len()..];
    let crashes = crash_states(&before, &actions);
    let opened = match trial.extent {
        Extent::Quick if traced == [Step::Fetch] => {
            let (with, without): (Vec<_>, Vec<_>) = crashes.iter().partition(|(tree, _)| {
                let mut names = tree.files.keys();
                names.any(|name| name.ends_with(JOURNAL))
            });
            let mut opened = spread(with, QUICK_STATES_OF_FETCH);
            opened.extend(spread(without, QUICK_STATES_OF_FETCH / 2));
            opened
        }
        Extent::Quick => spread(crashes.iter().collect(), QUICK_STATES_PER_WORKLOAD),
        Extent::Full => crashes.iter().collect(),
    };
    for (number, (tree, answered)) in opened.iter().enumerate() {
        if measured.is_hopeless() {
            break;
        }
        materialise(&root, tree);
        let legal = &expected[*answered..expected.len().min(*answered + 2)];
        let place = || {
            format!(
                "{workload:?} ({disk:?}) after {answered} answers, {:?}",
                tree.files.keys()
            )
        };
        match observe(&root) {
            Err(error) => measured.violation(format!("{}: {error}", place())),
            Ok(state) => measured.check(legal.contains(&state), || {
                format!("{}: found {state}", place())
            }),
        }
        if traced == [Step::Fetch]
            && number.is_multiple_of(distance_of_fetches(workload))
            && let Err(error) = fetch_again(&root)
        {
            measured.violation(format!("{}: {error}", place()));
        }
        if let Err(error) = write_and_look_for_leftovers(&root) {
            measured.violation(format!("{}: {error}", place()));
        }
    }
    opened.len()
}

/// Makes a root of exactly these files and folders.
fn materialise(root: &Path, tree: &Tree) {
    fs::remove_dir_all(root).expect("a root can be removed");
    fs::create_dir(root).expect("a root can be made");
    for folder in &tree.folders {
        fs::create_dir_all(root.join(folder)).expect("a folder can be made");
    }
    let mut made: BTreeMap<usize, PathBuf> = BTreeMap::new();
    for (name, (file, content)) in &tree.files {
        let path = root.join(name);
        match made.get(file) {
            Some(other) => fs::hard_link(other, &path).expect("a link can be made"),
            None => fs::write(&path, &**content).expect("a file can be made"),
        }
        made.insert(*file, path);
    }
}
