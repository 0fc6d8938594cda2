//! Files that the rows work on, and the commands that work on them.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub const MIB: usize = 1 << 20;
pub const GIB: usize = 1 << 30;

/// Makes a file of `size` bytes and syncs it. Each seed gives other bytes.
pub fn fill(path: &Path, size: usize, seed: u64) {
    let mut file = File::create(path).expect("it can be made");
    let mut state = 88_172_645_463_325_252 ^ (seed << 32) ^ size as u64;
    let mut piece = Vec::with_capacity(MIB);
    let mut left = size;
    while left > 0 {
        piece.clear();
        while piece.len() < MIB {
            // Xorshift: it is to look like weights, which do not compress.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            piece.extend_from_slice(&state.to_le_bytes());
        }
        let len = left.min(piece.len());
        file.write_all(&piece[..len]).expect("it can be written");
        left -= len;
    }
    file.sync_all().expect("it can be synced");
}

/// Makes a folder of `count` files of `size` bytes each.
pub fn fill_folder(folder: &Path, count: usize, size: usize) -> Vec<PathBuf> {
    fs::create_dir_all(folder).expect("it can be made");
    let paths: Vec<PathBuf> = (0..count)
        .map(|number| folder.join(format!("part-{number}.bin")))
        .collect();
    for (number, path) in paths.iter().enumerate() {
        fill(path, size, number as u64 + 1);
    }
    paths
}

/// Removes a file or a folder, if it is there.
pub fn remove(path: &Path) {
    let removed = match path.is_dir() {
        true => fs::remove_dir_all(path),
        false => fs::remove_file(path),
    };
    if let Err(error) = removed {
        assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{path:?}");
    }
}

/// A command, quiet unless it complains.
pub fn command(program: impl AsRef<Path>) -> Command {
    let mut command = Command::new(program.as_ref());
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

/// Runs a command to its end.
pub fn run(command: &mut Command) {
    let status = command.status();
    assert!(
        status.as_ref().is_ok_and(|status| status.success()),
        "{command:?}: {status:?}"
    );
}

/// Writes all dirty pages to the disks. Some contenders sync nothing, and the turn after theirs must
/// not pay for that.
pub fn write_back() {
    run(&mut command("sync"));
}
