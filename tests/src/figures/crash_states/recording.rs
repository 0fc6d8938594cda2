//! A workload, and the changes of files that it made.

use std::path::Path;

use super::changes::is_blank;
use super::{Disk, refusal};
use crate::disk_model::{Action, Content, Tree};
use crate::state::{is_spare, make_indexes};
use crate::steps::{Step, answers, make_all, split};
use crate::strace::Site;
use crate::trace_reader::{self, Unread};

/// A workload that ran.
pub(super) struct Recording {
    pub(super) site: Site,
    /// The files before its disturbed calls.
    pub(super) before: Tree,
    /// The changes of these calls.
    pub(super) actions: Vec<Action>,
}

/// What is there when the traced calls begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begin {
    /// A root without indexes.
    Fresh,
    /// Indexes without entries.
    Indexes,
}

/// The number of traces of one workload that may show no order of the changes.
const TRACES: usize = 100;

/// Runs a workload under a trace. Returns `None` if the disk refuses a call. A workload whose threads changed files
/// at the same time runs again, as the order of the changes is unknown then.
pub(super) fn record(
    workload: &[Step],
    disk: Disk,
    begin: Begin,
) -> Result<Option<Recording>, String> {
    let mut last = String::new();
    for _ in 0..TRACES {
        match record_once(workload, disk, begin) {
            Ok(recording) => return Ok(recording),
            Err(Unread::Unknown(why)) => return Err(why),
            Err(Unread::NoOrder(call)) => last = call,
        }
    }
    Err(format!("no trace of {TRACES} has an order: {last}"))
}

fn record_once(workload: &[Step], disk: Disk, begin: Begin) -> Result<Option<Recording>, Unread> {
    let Some(options) = refusal(disk, workload) else {
        return Ok(None);
    };
    let (done, traced) = split(workload);
    let site = Site::of(workload);
    let (root, told) = (site.root(), site.answers());
    let prepared = match begin {
        Begin::Fresh => Ok(()),
        Begin::Indexes => make_indexes(&root),
    };
    let prepared = prepared.and_then(|()| make_all(&root, done));
    prepared.map_err(|error| Unread::Unknown(format!("{done:?}: {error}")))?;
    let before = tree_of(&root);
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let (root, folder) = (text(&root), text(&told));
    let actions = match traced.contains(&Step::Fetch) {
        true => {
            let trace = site.trace_together(traced);
            trace_reader::read_together(&trace, &root, &folder, &before)?
        }
        false => {
            let (trace, others) = site.trace_threads(traced, &options);
            let read = trace_reader::read(&trace, &others, &root, &folder, &before);
            read.map_err(Unread::Unknown)?
        }
    };
    let is_refused = |word: &Option<String>| word.as_deref() != Some("ok");
    if disk == Disk::Full && answers(&told).iter().any(is_refused) {
        // The figure of errors covers that.
        return Ok(None);
    }
    Ok(Some(Recording {
        site,
        before,
        actions,
    }))
}

/// Reads the files of a root. The zeros of a spare count as no bytes.
fn tree_of(root: &Path) -> Tree {
    let mut tree = Tree::read(root);
    for (name, (_, content)) in &mut tree.files {
        if is_spare(name) && is_blank(content) {
            *content = Content::default();
        }
    }
    tree
}
