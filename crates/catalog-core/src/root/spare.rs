use std::fs;
use std::io::{self, Seek, Write};
use std::os::unix::fs::MetadataExt;

use super::layout::{IndexFile, Layout};
use super::own_file::open_or_create_own_file;
use crate::error::{CatalogError, Result};

/// The room of a spare beyond the length of the longest index, in bytes.
const SPARE_ROOM: u64 = 64 << 10;

/// Makes the spare large enough for an index of this length. Best effort: without a spare, only a
/// write on a full disk fails.
pub(crate) fn keep_spare(layout: &Layout, len: u64) {
    let spare = layout.spare();
    match fs::symlink_metadata(&spare) {
        Ok(metadata) if metadata.nlink() > 1 => {
            // A backup by links holds it, too, and must not change with it.
            drop(fs::remove_file(&spare));
        }
        Ok(metadata) if metadata.len() >= len + SPARE_ROOM => return,
        _ => {}
    }
    // A write on a full disk leaves its own old file as the spare: the other indexes may be longer.
    let lengths = IndexFile::ALL.map(|index| {
        fs::symlink_metadata(layout.index(index)).map_or(0, |metadata| metadata.len())
    });
    let longest = lengths.into_iter().fold(len, u64::max);
    // Twice the room, so that an index that grows does not come here at each write.
    if let Err(error) = extend(layout, longest + 2 * SPARE_ROOM) {
        tracing::debug!(spare = %spare.display(), %error, "no room is kept for a full disk");
    }
}

fn extend(layout: &Layout, wanted: u64) -> Result<()> {
    static ZEROS: [u8; 64 << 10] = [0; 64 << 10];
    let spare = layout.spare();
    let failed = |error| CatalogError::io("write", &spare, error);
    let mut file = open_or_create_own_file(layout, &spare)?;
    let mut len = file.seek(io::SeekFrom::End(0)).map_err(failed)?;
    while len < wanted {
        let step = ZEROS.len().min((wanted - len) as usize);
        file.write_all(&ZEROS[..step]).map_err(failed)?;
        len += step as u64;
    }
    Ok(())
}
