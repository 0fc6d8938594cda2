use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::format;
use super::group_commit::Commit;
use super::json_index::JsonIndex;
use super::read::{self, Head, Purpose, Unreadable};
use super::record::Record;
use super::snapshot::{Entries, Snapshot, Stored};
use crate::error::{CatalogError, Result};
use crate::root::{open_own_file, replace_durably};

/// What recovery did with one index.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct IndexRecovery {
    /// The index.
    pub path: PathBuf,
    /// Whether it was damaged; if not, nothing was done.
    pub was_damaged: bool,
    /// Where the damaged file is kept, unless there was none at all.
    pub kept_aside: Option<PathBuf>,
    /// What became of each entry, sorted by id.
    pub entries: BTreeMap<String, RecoveryAction>,
    /// The text of damaged lines for which no older state was found.
    pub lost: Vec<String>,
}

/// What recovery did with one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecoveryAction {
    /// Its line was whole: it is as it was written last.
    Kept,
    /// It came from the generation before: its last change, or its deletion, may be undone.
    Restored,
}

impl<R: Record> JsonIndex<R> {
    /// Replaces a damaged index with the best state that can be had.
    ///
    /// # Errors
    ///
    /// [`CatalogError::IndexTooNew`] for an index that is not damaged but newer, and what writing
    /// fails with.
    pub(crate) fn recover(&self) -> Result<IndexRecovery> {
        self.writers().alone(self.writing().wait, |deadline| {
            let lock = self.lock(deadline)?;
            let outcome = self.recover_under_lock();
            self.end(lock);
            outcome
        })
    }

    fn recover_under_lock(&self) -> Result<IndexRecovery> {
        let mut report = IndexRecovery {
            path: self.path().to_path_buf(),
            was_damaged: false,
            kept_aside: None,
            entries: BTreeMap::new(),
            lost: Vec::new(),
        };
        match self.snapshot() {
            Ok(_) => return Ok(report),
            Err(CatalogError::IndexDamaged { .. }) => report.was_damaged = true,
            Err(other) => return Err(other),
        }
        let previous = self.salvage(&self.root().layout().previous_index(R::FILE))?;
        let current = self.salvage(&report.path)?;

        let mut entries = previous.entries;
        let restored = entries
            .keys()
            .map(|id| (id.to_string(), RecoveryAction::Restored));
        report.entries.extend(restored);
        for (id, stored) in current.entries {
            report.entries.insert(id.to_string(), RecoveryAction::Kept);
            entries.insert(id, stored);
        }
        let is_lost = |line: &Vec<u8>| {
            read::id_of_line(entry_text(line)).is_none_or(|id| !report.entries.contains_key(&id))
        };
        let lost = current.bad_lines.iter().filter(|line| is_lost(line));
        report.lost = lost
            .map(|line| String::from_utf8_lossy(line).into_owned())
            .collect();

        let newest = current.head.unwrap_or_default();
        // The one before was whole, so its envelope is the one to trust.
        let trusted = previous.head.unwrap_or_else(|| newest.clone());
        let generation = trusted.generation.max(newest.generation);
        let next = Snapshot {
            generation: generation.saturating_add(1),
            entries,
            extra: trusted.extra,
        };
        report.kept_aside = self.keep_aside(&report.path)?;
        // Without keeping it as the previous generation: that is the good one.
        replace_durably(&report.path, None, &format::write(next.content()))
            .map_err(CatalogError::of_writing)?;
        Ok(report)
    }

    /// Gives the damaged file a second name, under which it stays.
    fn keep_aside(&self, path: &Path) -> Result<Option<PathBuf>> {
        let aside = self
            .root()
            .layout()
            .damaged_index(R::FILE, milliseconds_since_1970());
        match fs::hard_link(path, &aside) {
            Ok(()) => Ok(Some(aside)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            // No links on this file system, or none to another account's file.
            Err(_) => match fs::copy(path, &aside) {
                Ok(_) => Ok(Some(aside)),
                Err(error) => Err(CatalogError::io("keep a copy as", &aside, error).of_writing()),
            },
        }
    }

    /// All that is good in a file: everything if it is whole, else the lines that are.
    fn salvage(&self, path: &Path) -> Result<Salvage<R>> {
        let mut salvage = Salvage {
            head: None,
            entries: Entries::new(),
            bad_lines: Vec::new(),
        };
        let Some(mut file) = open_own_file(path, OpenOptions::new().read(true))? else {
            return Ok(salvage);
        };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)
            .map_err(|error| CatalogError::io("read", path, error))?;
        match read::read::<R>(&bytes, self.root(), Purpose::Writing) {
            Ok(snapshot) => {
                salvage.head = Some(Head::of(&snapshot));
                salvage.entries = snapshot.entries;
            }
            Err(Unreadable::TooNew(found)) => {
                return Err(CatalogError::IndexTooNew {
                    path: path.to_path_buf(),
                    found,
                    supported: R::VERSION,
                });
            }
            Err(Unreadable::Damaged(_)) => {
                for line in bytes.split_inclusive(|byte| *byte == b'\n') {
                    let text = entry_text(line);
                    if let Some((id, record)) = read::read_line::<R>(text, self.root()) {
                        salvage.entries.insert(id, Stored::new(record));
                    } else if let Ok(head) = read::read_head(text) {
                        salvage.head = Some(head);
                    } else if !line.starts_with(b"}") {
                        salvage.bad_lines.push(line.to_vec());
                    }
                }
            }
        }
        Ok(salvage)
    }
}

/// What is good in the bytes of an index.
struct Salvage<R> {
    head: Option<Head>,
    entries: Entries<R>,
    /// Lines that should be an entry or the head, but are not whole.
    bad_lines: Vec<Vec<u8>>,
}

/// A line as text, without what separates it from the next; empty if it is none.
fn entry_text(line: &[u8]) -> &str {
    let text = str::from_utf8(line).unwrap_or_default();
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix(',').unwrap_or(text)
}

fn milliseconds_since_1970() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}
