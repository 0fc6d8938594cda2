//! Equal bytes of another account on a file system that can share extents.

use std::fs;
use std::path::Path;

use super::MEMBERS;
use super::modes::check_modes;
use crate::account::{Stage, give, set_mode};
use crate::call::Call;
use crate::mounts::{Mount, free_bytes};
use crate::shared_root::SharedRoot;
use crate::state::source;
use crate::steps::Step;

/// Why something is no result.
pub(super) enum Reason {
    Skipped(String),
    Wrong(String),
}

/// Checks that equal bytes of another account take no space on a file system that can share extents.
pub(super) fn shares_extents(stage: &Stage) -> Result<(), Reason> {
    const SIZE: usize = 24 << 20;
    let mount = Mount::in_image("mkfs.xfs", &["-q"]).map_err(Reason::Skipped)?;
    let wrong = Reason::Wrong;
    let text = |error: std::io::Error| Reason::Wrong(error.to_string());
    let root = mount.path().join("root");
    set_mode(&mount.path(), 0o755).map_err(wrong)?;
    // The folder of the mount is a temporary one, which only its owner may enter.
    let above = mount
        .path()
        .parent()
        .map(Path::to_path_buf)
        .unwrap_or_default();
    set_mode(&above, 0o755).map_err(wrong)?;
    fs::create_dir(&root).map_err(text)?;
    give(&root, MEMBERS[0].user).map_err(wrong)?;
    set_mode(&root, 0o2770).map_err(wrong)?;
    // On another file system, so that no import can share its extents.
    let original = stage.path().join("source.bin");
    let mut noise = 1_u64;
    let bytes: Vec<u8> = std::iter::repeat_with(|| {
        noise = noise
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (noise >> 56) as u8
    })
    .take(SIZE)
    .collect();
    fs::write(&original, bytes).map_err(text)?;
    std::os::unix::fs::symlink(&original, source(&root)).map_err(text)?;
    let shared = SharedRoot::at(root).map_err(wrong)?;
    shared
        .succeed(stage, MEMBERS[0], &[Call::IMPORT])
        .map_err(wrong)?;
    let before = free_bytes(&mount.path()).map_err(wrong)?;
    shared
        .succeed(stage, MEMBERS[1], &[Call::Step(Step::ImportN), Call::Read])
        .map_err(wrong)?;
    let taken = before.saturating_sub(free_bytes(&mount.path()).map_err(wrong)?);
    check_modes(&shared.root).map_err(wrong)?;
    match taken < SIZE as u64 / 4 {
        true => Ok(()),
        false => Err(Reason::Wrong(format!("it took {taken} bytes"))),
    }
}
