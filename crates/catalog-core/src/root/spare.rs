use std::fs::{self, File};
use std::io::{self, Seek, Write};
use std::os::unix::fs::MetadataExt;

use super::layout::{IndexFile, Layout};
use super::native::{is_on_btrfs, sync_file_system, write_over_in_place};
use super::own_file::open_or_create_own_file;
use crate::error::{CatalogError, Result};

/// The size of the spare file beyond the length of the longest index, in bytes.
const SPARE_ROOM: u64 = 64 << 10;

/// Makes the spare file large enough for an index of this length. Best effort: without a spare
/// file, only a write on a full disk fails.
pub(crate) fn keep_spare(layout: &Layout, len: u64) {
    let spare = layout.spare();
    match fs::symlink_metadata(&spare) {
        Ok(metadata) if metadata.nlink() > 1 => {
            // A backup by hard links has the file, too. A write to the file would change the
            // backup.
            drop(fs::remove_file(&spare));
        }
        Ok(metadata) if metadata.len() >= len + SPARE_ROOM => return,
        _ => {}
    }
    // A write on a full disk leaves its old file as the spare, and the other indexes may be longer.
    let lengths = IndexFile::ALL.map(|index| {
        fs::symlink_metadata(layout.index(index)).map_or(0, |metadata| metadata.len())
    });
    let longest = lengths.into_iter().fold(len, u64::max);
    // The size is doubled, so that a growing index does not extend the spare at each write.
    if let Err(error) = extend(layout, longest + 2 * SPARE_ROOM) {
        tracing::debug!(
            spare = %spare.display(), %error,
            "the spare file for a full disk could not be extended"
        );
    }
}

/// Appends zeros to the spare file until it has the wanted length.
fn extend(layout: &Layout, wanted: u64) -> Result<()> {
    let spare = layout.spare();
    let failed = |error| CatalogError::io("write", &spare, error);
    let mut file = open_or_create_own_file(layout, &spare)?;
    if file.metadata().is_ok_and(|metadata| metadata.len() == 0) {
        write_over_in_place(&file);
    }
    match append_zeros(&mut file, wanted) {
        // The previous write may have freed blocks, which become usable after a sync.
        Err(error) if error.kind() == io::ErrorKind::StorageFull => {
            sync_file_system(&file).map_err(failed)?;
            append_zeros(&mut file, wanted).map_err(failed)
        }
        done => done.map_err(failed),
    }
}

fn append_zeros(file: &mut File, wanted: u64) -> io::Result<()> {
    static ZEROS: [u8; 64 << 10] = [0; 64 << 10];
    /// The minimum size of an extent in bytes, and the number of extents of a larger spare file.
    const EXTENTS: (u64, u64) = (16 << 10, 16);
    let extent = EXTENTS.0.max(wanted / EXTENTS.1);
    let has_extents = is_on_btrfs(file);
    let mut len = file.seek(io::SeekFrom::End(0))?;
    let mut synced = len;
    while len < wanted {
        let step = (ZEROS.len() as u64).min(wanted - len);
        let step = if has_extents { step.min(extent) } else { step };
        file.write_all(&ZEROS[..step as usize])?;
        len += step;
        if has_extents && len - synced >= extent {
            // Bytes that are synced together form one extent. The extents after the end of a
            // truncated file become free.
            file.sync_data()?;
            synced = len;
        }
    }
    Ok(())
}
