//! The file systems that a row is measured on.

use std::path::Path;

use workspace_tests::mounts::Mount;

use crate::table::Table;

/// The part of the id of a row that names the place.
pub fn id(place: &str) -> String {
    place.trim_start_matches("on ").to_lowercase()
}

/// The commands that make file systems, with their defaults.
const KINDS: [(&str, &str, &[&str]); 3] = [
    ("ext4", "mkfs.ext4", &["-q", "-F"]),
    ("XFS", "mkfs.xfs", &["-q", "-f"]),
    ("btrfs", "mkfs.btrfs", &["-q", "-f"]),
];

/// Measures in the current folder. The superuser also measures on a file system of each kind, in an
/// image of `bytes` bytes. The callback gets the name of the place, and a folder there.
pub fn on_each(
    bytes: u64,
    what: &str,
    table: &mut Table,
    mut measure: impl FnMut(&str, &Path, &mut Table),
) {
    let here = tempfile::tempdir_in(".").expect("a folder can be made here");
    measure("here", here.path(), table);
    drop(here);
    for (name, mkfs, arguments) in KINDS {
        match Mount::in_large_image(mkfs, arguments, bytes) {
            Ok(mount) => measure(&format!("on {name}"), &mount.path(), table),
            Err(why) => table.skip(&format!("{what} on {name}"), &why),
        }
    }
}
