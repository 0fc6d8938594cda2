//! Fills a disk.

use std::fs;
use std::io::Write;
use std::path::Path;

/// Takes the last byte of a disk.
pub(in crate::figures) fn fill_bytes(disk: &Path) {
    let name = |number: usize| disk.join(format!("filler-{number}"));
    let first = (0..)
        .find(|number| !name(*number).exists())
        .unwrap_or_default();
    let Ok(mut file) = fs::File::create(name(first)) else {
        return;
    };
    for len in [1 << 20, 64 << 10, 4 << 10, 512, 1] {
        let bytes = vec![1; len];
        while file.write_all(&bytes).is_ok() {}
    }
    // What is written may still have to find its place.
    drop(file.sync_all());
}

/// Takes the last inode of a disk.
pub(super) fn fill_inodes(disk: &Path) {
    let names = (0..).map(|number| disk.join(format!("filler-{number}")));
    for name in names.filter(|name| !name.exists()) {
        if fs::File::create(name).is_err() {
            return;
        }
    }
}
