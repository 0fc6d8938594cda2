//! Why a peer is ahead of us: one reason for each row where one is, by the id of the row.

const REPLACED_INDEX: &str = "A `put` writes the whole index file and syncs the file and its folder. \
     A database syncs a few pages.";

const REPLACED_OR_NO_SYNC: &str = "A `put` writes the whole index file and syncs the file and its \
     folder. A database syncs a few pages; cacache and the JSON file sync nothing.";

const COPIED: &str = "An import that has to copy waits for the disk, and returns when the bytes are \
     synced. cacache syncs nothing; `cp` and `sync` alone hash nothing.";

const SHARED: &str = "The file system shares the extents of a copy. `cp` and `sync` alone read no byte; \
     an import hashes every byte.";

const UNSAFE_DOWNLOAD: &str = "A download of ours hashes every byte, and returns when the bytes are \
     synced. `aria2c`, and `curl` alone, do neither.";

/// The reasons, by the ids of the rows.
pub const REASONS: [(&str, &str); 21] = [
    ("put-here", REPLACED_INDEX),
    ("put-ext4", REPLACED_INDEX),
    ("put-xfs", REPLACED_INDEX),
    ("put-btrfs", REPLACED_INDEX),
    ("put", REPLACED_OR_NO_SYNC),
    ("put-16-threads", REPLACED_OR_NO_SYNC),
    (
        "open",
        "Opening hashes and parses every entry. SQLite, redb and the JSON file hash nothing.",
    ),
    (
        "lookup",
        "A verified look-up checks the index and each file of the model. The faster ones look at one \
         name.",
    ),
    ("import-here", COPIED),
    ("import-ext4", COPIED),
    ("import-xfs", SHARED),
    ("import-btrfs", SHARED),
    ("download", UNSAFE_DOWNLOAD),
    ("download-throttled", UNSAFE_DOWNLOAD),
    (
        "download-processor",
        "A download of ours syncs the bytes too. `curl` and `openssl` leave that to the kernel.",
    ),
    (
        "download-memory",
        "Several connections fill the window: parts that arrive early wait there for their turn \
         to be hashed. `curl` has one connection and hashes nothing; `openssl` reads a few KiB at a time.",
    ),
    (
        "hub-small-files",
        "A fetch of ours hashes each file, and syncs each file, its folders and the records beside it. \
         `curl` hashes nothing, and `sync` syncs the files alone.",
    ),
    (
        "collect",
        "A collection reads every manifest and removes the names of blobs too. Other processes cannot \
         interrupt one of its batches. `find` only removes its arguments.",
    ),
    (
        "memory-hash",
        "We read a file in pieces of 1 MiB, and the program is larger. `sha256sum` reads 32 KiB at a \
         time.",
    ),
    (
        "memory-import",
        "An import copies in pieces of 1 MiB and hashes pieces of 256 KiB. `cp` has the kernel copy. \
         cacache gets pieces of 8 KiB.",
    ),
    (
        "memory-open",
        "An open catalog holds all its entries, and the whole file of 30 MB while it reads it. \
         The databases hold a few pages.",
    ),
];

/// The reason why a peer is ahead of us in a row.
pub fn reason(id: &str) -> Option<&'static str> {
    let found = REASONS.iter().find(|(row, _)| *row == id);
    found.map(|(_, reason)| *reason)
}

#[cfg(test)]
mod tests {
    use super::REASONS;
    use crate::options::ROWS;

    #[test]
    fn each_row_has_one_reason_at_most() {
        for (number, (id, reason)) in REASONS.iter().enumerate() {
            assert!(
                REASONS[..number].iter().all(|(other, _)| other != id),
                "{id}"
            );
            assert!(!reason.contains(['|', '\n']), "{id} would break the table");
        }
    }

    #[test]
    fn each_reason_is_of_a_row_that_was_measured() {
        let Some(measured) = crate::report::load() else {
            return;
        };
        let ids: Vec<&str> = measured
            .groups
            .iter()
            .flat_map(|group| &group.rows)
            .map(|row| row.id.as_str())
            .collect();
        // A place such as XFS may have been skipped.
        let is_skipped = |id: &str| {
            let mut groups = measured.groups.iter();
            groups.any(|group| id.starts_with(&group.name) && !group.skipped.is_empty())
        };
        let is_stored = |name: &str| measured.groups.iter().any(|group| group.name == name);
        let is_open = |id: &str| {
            let mut names = ROWS.iter();
            names.any(|name| id.starts_with(name) && !is_stored(name))
        };
        for (id, _) in REASONS {
            let is_known = ids.contains(&id) || is_skipped(id) || is_open(id);
            assert!(is_known, "there is no row {id}");
        }
    }
}
