//! Every state that a crash may legally leave of every workload, opened with the library.

use std::fs;
use std::path::Path;

use crate::disk_model::{Action, Files, crash_states};
use crate::figure::{Extent, Measured, Outcome, Sabotage, Trial};
use crate::steps::{ARTIFACTS, Step, observe, states, workloads, write_and_look_for_leftovers};
use crate::strace::{Site, missing};
use crate::trace_reader;

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
    let all = workloads(longest);
    let mut measured = Measured::default();
    let opened = measured.for_each(&all, |workload, measured| {
        try_workload(workload, trial.sabotage, measured)
    });
    measured.count("workloads", all.len());
    measured.at_least(bound, "states", opened);
    Outcome::Measured(measured)
}

/// Opens every state that a crash of this workload may leave; tells how many there were.
fn try_workload(workload: &[Step], sabotage: Sabotage, measured: &mut Measured) -> usize {
    let before: Files = ARTIFACTS
        .iter()
        .map(|(_, file)| ((*file).to_owned(), file.as_bytes().to_vec()))
        .collect();
    let site = Site::new();
    let trace = site.trace(workload);
    let (root, answers) = (site.root(), site.answers());
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let mut actions = trace_reader::read(&trace, &text(&root), &text(&answers), &before);
    apply(sabotage, &mut actions);
    let answered = actions
        .iter()
        .filter(|action| **action == Action::Answer)
        .count();
    measured.check(answered == workload.len(), || {
        format!("{workload:?}: the trace shows {answered} answers")
    });

    let expected = states(workload);
    let crashes = crash_states(&before, &actions);
    for (files, answered) in &crashes {
        materialise(&root, files);
        let legal = &expected[*answered..expected.len().min(answered + 2)];
        let place = || format!("{workload:?} after {answered} answers, {:?}", files.keys());
        match observe(&root) {
            Err(error) => measured.violation(format!("{}: {error}", place())),
            Ok(state) => measured.check(legal.contains(&state), || {
                format!("{}: found {state}", place())
            }),
        }
        if let Err(error) = write_and_look_for_leftovers(&root) {
            measured.violation(format!("{}: {error}", place()));
        }
    }
    crashes.len()
}

fn apply(sabotage: Sabotage, actions: &mut Vec<Action>) {
    match sabotage {
        Sabotage::Nothing | Sabotage::NoLocks => {}
        Sabotage::NoFileSync => {
            actions.retain(|action| !matches!(action, Action::SyncFile { .. }));
        }
        Sabotage::NoFolderSync => {
            actions.retain(|action| !matches!(action, Action::SyncFolder { .. }));
        }
        Sabotage::RenameBeforeSync => {
            let mut number = 0;
            while number < actions.len() {
                if let Action::Rename { file, .. } = actions[number]
                    && let Some(sync) = actions[..number]
                        .iter()
                        .rposition(|action| *action == Action::SyncFile { file })
                {
                    let rename = actions.remove(number);
                    actions.insert(sync, rename);
                }
                number += 1;
            }
        }
    }
}

/// Makes a root of exactly these files.
fn materialise(root: &Path, files: &Files) {
    fs::remove_dir_all(root).expect("a root can be removed");
    for (name, content) in files {
        let path = root.join(name);
        let folder = path.parent().expect("it is below the root");
        fs::create_dir_all(folder).expect("a folder can be made");
        fs::write(path, content).expect("a file can be made");
    }
}
