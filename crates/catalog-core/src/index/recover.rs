use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::entries::Entry;
use super::format;
use super::format_0::{is_format_0, read_format_0};
use super::json_index::JsonIndex;
use super::line::{id_of_line, read_intact_line};
use super::record::Record;
use super::snapshot::Head;
use super::unreadable::Unreadable;
use crate::error::{CatalogError, Result};
use crate::progress::Limits;
use crate::root::{create_whole, is_absence, now_ms, open_own_file};

/// The result of the recovery of one index.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct IndexRecovery {
    /// The path of the index.
    pub path: PathBuf,
    /// Whether the index was damaged. If it was not, nothing was changed.
    pub was_damaged: bool,
    /// The path at which the damaged file is kept. It is `None` if the index was not
    /// damaged, or if its file did not exist.
    pub kept_aside: Option<PathBuf>,
    /// The recovery action for each entry, sorted by id.
    pub entries: BTreeMap<String, RecoveryAction>,
    /// The text of the damaged lines for which no older state was found.
    pub lost: Vec<String>,
}

/// The recovery action for one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RecoveryAction {
    /// The line was intact, so the entry is in its latest state.
    Kept,
    /// The entry was restored from the previous generation. The last change or the deletion of the
    /// entry may be undone.
    Restored,
}

/// Replaces a damaged index with the best state that can be recovered.
///
/// # Errors
///
/// [`CatalogError::IndexTooNew`] if a newer release wrote the index, and the errors of writing.
pub(crate) fn recover<R: Record>(index: &JsonIndex<R>, limits: &Limits) -> Result<IndexRecovery> {
    index.alone(limits, || recover_under_lock(index))
}

fn recover_under_lock<R: Record>(index: &JsonIndex<R>) -> Result<IndexRecovery> {
    let mut report = IndexRecovery {
        path: index.path().to_path_buf(),
        was_damaged: false,
        kept_aside: None,
        entries: BTreeMap::new(),
        lost: Vec::new(),
    };
    match index.snapshot() {
        Ok(_) => return Ok(report),
        Err(CatalogError::IndexDamaged { .. }) => report.was_damaged = true,
        Err(other) => return Err(other),
    }
    let layout = index.root().layout();
    let previous = salvage(index, &layout.previous_index(R::FILE))?;
    let current = salvage(index, &report.path)?;

    let mut entries = BTreeMap::new();
    for (salvaged, action) in [
        (previous.entries, RecoveryAction::Restored),
        (current.entries, RecoveryAction::Kept),
    ] {
        for entry in salvaged {
            report.entries.insert(entry.id.to_string(), action);
            entries.insert(entry.id.clone(), entry);
        }
    }
    let is_lost =
        |line: &&String| id_of_line(line).is_none_or(|id| !report.entries.contains_key(&id));
    report.lost = current.bad_lines.iter().filter(is_lost).cloned().collect();

    let newest = current.head.unwrap_or_default();
    // The previous generation was intact when it was replaced, so its first line is preferred.
    let trusted = previous.head.unwrap_or_else(|| newest.clone());
    let head = Head {
        generation: trusted.generation.max(newest.generation).saturating_add(1),
        // A lost entry may use the path of a tombstone. Without tombstones, no collection removes
        // the file of such an entry.
        tombstones: Vec::new(),
        ..trusted
    };
    let next = format::compose(head, entries.into_values().collect());
    report.kept_aside = keep_aside(&report.path, &layout.kept_aside(&report.path, now_ms()))?;
    if report.kept_aside.is_none() {
        create_whole(layout, &report.path, &[]).map_err(CatalogError::of_writing)?;
    }
    // The damaged file must not become the previous generation, which is the good one.
    let whole = layout.previous_index(R::FILE);
    let kept = match fs::read(&whole) {
        Ok(bytes) => Some(bytes),
        Err(error) if is_absence(&error) => None,
        Err(error) => return Err(CatalogError::io("read", whole, error)),
    };
    index.replace(next).map_err(CatalogError::of_writing)?;
    if let Some(kept) = kept {
        create_whole(layout, &whole, &kept).map_err(CatalogError::of_writing)?;
    }
    Ok(report)
}

/// Gives the damaged file a second name that stays after the replacement. Returns `None` if there
/// is no file.
fn keep_aside(path: &Path, aside: &Path) -> Result<Option<PathBuf>> {
    match fs::hard_link(path, aside) {
        Ok(()) => Ok(Some(aside.to_path_buf())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        // This file system has no links, or permits no link to a file of another account.
        Err(_) => match fs::copy(path, aside) {
            Ok(_) => Ok(Some(aside.to_path_buf())),
            Err(error) => Err(CatalogError::io("keep a copy as", aside, error).of_writing()),
        },
    }
}

/// The intact parts of the bytes of an index.
struct Salvage<R> {
    head: Option<Head>,
    entries: Vec<Entry<R>>,
    /// The damaged lines: those of entries, and the first line if it is damaged.
    bad_lines: Vec<String>,
}

/// Reads an intact file completely, or the intact lines of a damaged file.
fn salvage<R: Record>(index: &JsonIndex<R>, path: &Path) -> Result<Salvage<R>> {
    let mut salvage = Salvage {
        head: None,
        entries: Vec::new(),
        bad_lines: Vec::new(),
    };
    let Some(mut file) = open_own_file(path, OpenOptions::new().read(true))? else {
        return Ok(salvage);
    };
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)
        .map_err(|error| CatalogError::io("read", path, error))?;
    match format::read::<R>(bytes.clone(), index.root()) {
        Ok(snapshot) => {
            salvage.head = Some(snapshot.head);
            salvage.entries = snapshot.entries.iter().cloned().collect();
            return Ok(salvage);
        }
        Err(Unreadable::TooNew(found)) => {
            return Err(CatalogError::IndexTooNew {
                path: path.to_path_buf(),
                found,
                supported: R::VERSION,
            });
        }
        Err(Unreadable::Damaged(_)) => {}
    }
    let text = str::from_utf8(&bytes).unwrap_or_default();
    if is_format_0(text)
        && let Ok((entries, bad)) = read_format_0(text, index.root())
    {
        salvage.entries = entries;
        salvage.bad_lines = bad.into_iter().map(|(text, _)| text).collect();
        return Ok(salvage);
    }
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let text = entry_text(line);
        if let Some(entry) = read_intact_line::<R>(text, index.root()) {
            salvage.entries.push(entry);
        } else if let Ok(head) = format::read_head(text) {
            salvage.head = Some(head);
        } else if !line.starts_with(b"}") {
            let line = String::from_utf8_lossy(line).into_owned();
            salvage.bad_lines.push(line);
        }
    }
    Ok(salvage)
}

/// Returns a line as text, without its separator. Returns an empty text if the line is not UTF-8.
fn entry_text(line: &[u8]) -> &str {
    let text = str::from_utf8(line).unwrap_or_default();
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix(',').unwrap_or(text)
}
