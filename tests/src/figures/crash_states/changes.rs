//! The changes of a trace that are left out: those that no later process reads, and those of a sabotage.

use crate::disk_model::Action;
use crate::figure::Sabotage;
use crate::state::is_spare;

/// Leaves out the writes to locks, except those to the lock of the index, whose text tells that a
/// writer died. Only living processes read the text of the other locks. Each lost part of such a text
/// would multiply the number of states. The claim of a staging area is such a lock. The names of model locks are left
/// out, too.
pub(super) fn forget_locks(actions: &mut Vec<Action>) {
    let is_model_lock = |name: &str| name.starts_with("locks/models/");
    let is_claim = |name: &str| name.starts_with("staging/") && name.ends_with("/claim");
    let is_lock =
        |name: &str| is_claim(name) || (name.starts_with("locks/") && name != "locks/index.lock");
    let locks: Vec<usize> = actions
        .iter()
        .filter_map(|action| match action {
            Action::Create { name, file } if is_lock(name) => Some(*file),
            _ => None,
        })
        .collect();
    actions.retain(|action| match action {
        Action::Create { name, .. } => !is_model_lock(name),
        Action::Write { file, .. } => !locks.contains(file),
        _ => true,
    });
}

/// Leaves out the zeros that a spare is first filled with: nobody reads a spare before it was written
/// over and synced, and one that is too short is one of its legal states.
pub(super) fn forget_blanks(actions: &mut Vec<Action>) {
    let spares: Vec<usize> = actions
        .iter()
        .filter_map(|action| match action {
            Action::Create { name, file } if is_spare(name) => Some(*file),
            _ => None,
        })
        .collect();
    actions.retain(|action| match action {
        Action::Write { file, content } => !(spares.contains(file) && is_blank(content)),
        _ => true,
    });
}

pub(super) fn is_blank(content: &[u8]) -> bool {
    content.iter().all(|byte| *byte == 0)
}

/// The end of the name of a file that is fetched.
const PARTIAL: &str = "/artifact/files/p.bin";

pub(super) fn apply(sabotage: Sabotage, actions: &mut Vec<Action>) {
    let partial = actions.iter().find_map(|action| match action {
        Action::Create { name, file } if name.ends_with(PARTIAL) => Some(*file),
        _ => None,
    });
    match sabotage {
        // Without any sync, a fetch would leave countless states. The hash in the journal finds bytes that were not
        // durable before the journal, so the sync before the publication counts.
        Sabotage::NoFileSync if let Some(file) = partial => {
            let sync = Action::SyncFile { file };
            actions.retain(|action| *action != sync);
        }
        Sabotage::NoFileSync => {
            actions.retain(|action| !matches!(action, Action::SyncFile { .. }));
        }
        Sabotage::NoFolderSync => {
            actions.retain(|action| !matches!(action, Action::SyncFolder { .. }));
        }
        Sabotage::RenameBeforeSync => {
            let mut number = 0;
            while number < actions.len() {
                let replaces = |synced: usize| match actions[number] {
                    Action::Rename { file, .. } => file == synced,
                    Action::Exchange {
                        file, other_file, ..
                    } => file == synced || other_file == synced,
                    _ => false,
                };
                let sync = actions[..number].iter().rposition(
                    |action| matches!(action, Action::SyncFile { file } if replaces(*file)),
                );
                if let Some(sync) = sync {
                    let rename = actions.remove(number);
                    actions.insert(sync, rename);
                }
                number += 1;
            }
        }
        // The others are not about the disk.
        _ => {}
    }
}
