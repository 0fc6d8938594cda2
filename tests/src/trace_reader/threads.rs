//! The trace of several threads in one file, in the order in which `strace` saw their calls.

use std::collections::BTreeMap;

use super::{Call, apply};
use crate::disk_model::{Action, Tree};
use crate::trace_reader::files::Files;

/// A failure to read a trace of threads.
#[derive(Debug, PartialEq, Eq)]
pub enum Unread {
    /// Two threads changed files at the same time, so the order of the changes is unknown. Another trace may have
    /// an order.
    NoOrder(String),
    /// The effect of a call is unknown.
    Unknown(String),
}

/// A call that has begun in a thread.
struct Begun<'t> {
    head: &'t str,
    /// The number of changes before it.
    changes: usize,
}

/// Reads the trace of all threads of a workload, which was recorded with all text in hexadecimal. `before` was
/// there.
///
/// A call that another thread's calls interrupt in the trace has its effect at its end. If a change of files falls
/// between its begin and its end, and the call is itself a change or makes one certain, there is no order.
///
/// # Errors
///
/// A call whose effect is unknown, and changes without an order.
pub fn read_together(
    trace: &str,
    root: &str,
    answers: &str,
    before: &Tree,
) -> Result<Vec<Action>, Unread> {
    let mut files = Files::new(root, before);
    let answers = format!("{answers}/");
    let mut begun: BTreeMap<&str, Begun<'_>> = BTreeMap::new();
    let mut is_begun = false;
    for line in trace.lines() {
        let Some((thread, text)) = line.split_once(' ') else {
            continue;
        };
        let text = text.trim_start();
        let changes = files.actions().len();
        let (whole, since) = match text.strip_suffix(" <unfinished ...>") {
            Some(head) if head.starts_with("close(") => {
                // Another thread may get the number of the descriptor at once.
                (format!("{} = 0", head.trim_end_matches(')')), changes)
            }
            Some(head) => {
                begun.insert(thread, Begun { head, changes });
                continue;
            }
            None if text.starts_with("<... ") => match (begun.remove(thread), resumed(text)) {
                (Some(call), Some(rest)) => (format!("{}{rest}", call.head), call.changes),
                _ => continue,
            },
            None => (text.to_owned(), changes),
        };
        let Some(call) = Call::parse(&whole) else {
            continue;
        };
        is_begun |= call.name == "getppid";
        let is_known = apply(&call, &answers, &mut files);
        if is_begun && !is_known {
            return Err(Unread::Unknown(whole));
        }
        let is_change = files.actions().len() > changes;
        if is_change && changes > since {
            return Err(Unread::NoOrder(whole));
        }
    }
    Ok(files.into_actions())
}

/// Returns the rest of a call whose begin is on a line before: `<... name resumed>rest`.
fn resumed(text: &str) -> Option<&str> {
    text.split_once(" resumed>").map(|(_, rest)| rest)
}
