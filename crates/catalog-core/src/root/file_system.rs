use std::fs;
use std::path::{Path, PathBuf};

/// The kind of the file system that a path lies on, as its mount names it (`nfs4`, `ext4`); none
/// where the kernel does not tell.
pub(crate) fn file_system_of(path: &Path) -> Option<String> {
    let path = path.canonicalize().ok()?;
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let below = |(place, _): &(PathBuf, &str)| path.starts_with(place);
    let of_path = mounts.lines().filter_map(mount).filter(below);
    // The deepest one, and of several at one place the last: it hides the others.
    let (_, kind) = of_path.max_by_key(|(place, _)| place.components().count())?;
    Some(kind.to_owned())
}

/// The place and the kind of a mount, from its line in `mountinfo`: see proc(5).
fn mount(line: &str) -> Option<(PathBuf, &str)> {
    let (place_and_options, kind_and_source) = line.split_once(" - ")?;
    let place = place_and_options.split(' ').nth(4)?;
    // A place with other characters than these escaped ones is found under no other name.
    let place = place.replace("\\040", " ").replace("\\134", "\\");
    Some((place.into(), kind_and_source.split(' ').next()?))
}
