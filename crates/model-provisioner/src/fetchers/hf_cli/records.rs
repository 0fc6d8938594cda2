use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use catalog_core::{CatalogError, Digest, LocalModel, Result};
use sha1::{Digest as _, Sha1};

/// The folder in which the command keeps records about the downloaded files. It is not part of the
/// model.
const NOTES: &str = ".cache/huggingface";

/// The number of bytes that are hashed at once.
const CHUNK: usize = 1 << 20;

/// A downloaded file, with the statement of the hub about the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DownloadedFile {
    /// The path relative to the folder, with its parts joined by `/`.
    pub(super) name: String,
    pub(super) size: u64,
    /// The commit of the file, if the command recorded it.
    pub(super) commit: Option<String>,
    pub(super) stated: Stated,
}

/// The statement of the hub about the bytes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stated {
    /// The SHA-256 of the bytes.
    Sha256(Digest),
    /// The object id of git: the SHA-1 of the bytes in the form in which git stores them.
    GitOid(String),
    /// The hub states no hash.
    Nothing,
}

/// Returns all files in a folder that belong to the model, sorted by name.
pub(super) fn downloaded_in(folder: &Path) -> Result<Vec<DownloadedFile>> {
    let mut all = Vec::new();
    each_file(folder, &mut |path, size| {
        let name = path.strip_prefix(folder).unwrap_or(path);
        let Some(name) = name.to_str() else {
            return Err(CatalogError::NameRefused {
                name: name.to_string_lossy().into_owned(),
                problem: "it is not UTF-8".to_owned(),
            });
        };
        if !LocalModel::has_file(name) {
            return Ok(());
        }
        let (commit, stated) = notes_of(folder, name);
        all.push(DownloadedFile {
            name: name.to_owned(),
            size,
            commit,
            stated,
        });
        Ok(())
    })?;
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(all)
}

/// Returns the number of bytes in a folder, with those of unfinished files.
pub(super) fn bytes_in(folder: &Path) -> u64 {
    let mut sum: u64 = 0;
    let notes = folder.join(NOTES);
    // Errors are ignored, because the command adds and removes files during the listing.
    let _ = each_file(folder, &mut |path, size| {
        let is_unfinished = path.extension().is_some_and(|end| end == "incomplete");
        if is_unfinished || !path.starts_with(&notes) {
            sum = sum.saturating_add(size);
        }
        Ok(())
    });
    sum
}

/// Compares a file with its object id in git.
pub(super) fn check_git_oid(
    path: &Path,
    size: u64,
    oid: &str,
    tick: &mut dyn FnMut() -> Result<()>,
) -> Result<()> {
    let failed = |source| CatalogError::Io {
        action: "read",
        path: path.to_path_buf(),
        source,
    };
    let mut hash = Sha1::new();
    hash.update(format!("blob {size}\0"));
    let mut file = File::open(path).map_err(failed)?;
    let mut buffer = vec![0; CHUNK];
    loop {
        tick()?;
        match file.read(&mut buffer).map_err(failed)? {
            0 => break,
            len => hash.update(&buffer[..len]),
        }
    }
    let actual = hex::encode(hash.finalize());
    if actual == oid {
        return Ok(());
    }
    Err(CatalogError::DigestMismatch {
        path: path.to_path_buf(),
        expected: format!("git-sha1:{oid}"),
        actual: format!("git-sha1:{actual}"),
    })
}

/// Returns the commit and the hash that the command recorded for a file. The record is a separate
/// file. Its first line is the commit, and its second line is the `ETag` of the hub.
fn notes_of(folder: &Path, name: &str) -> (Option<String>, Stated) {
    let notes = folder
        .join(NOTES)
        .join("download")
        .join(format!("{name}.metadata"));
    let text = read_short(&notes).unwrap_or_default();
    let mut lines = text.lines().map(str::trim);
    let commit = lines.next().filter(|line| is_hex(line, 40));
    let etag = lines.next().unwrap_or_default();
    let etag = etag.trim_start_matches("W/").trim_matches('"');
    let stated = if is_hex(etag, 64) {
        Stated::Sha256(Digest {
            algo: "sha256".to_owned(),
            value: etag.to_owned(),
        })
    } else if is_hex(etag, 40) {
        Stated::GitOid(etag.to_owned())
    } else {
        Stated::Nothing
    };
    (commit.map(str::to_owned), stated)
}

fn read_short(path: &Path) -> io::Result<String> {
    // Opening a pipe would wait for a writer.
    if !fs::symlink_metadata(path)?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut text = String::new();
    File::open(path)?.take(4096).read_to_string(&mut text)?;
    Ok(text)
}

pub(super) fn is_hex(text: &str, len: usize) -> bool {
    text.len() == len && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Calls `with` on the path and size of each regular file below a folder. Links are not followed.
fn each_file(folder: &Path, with: &mut dyn FnMut(&Path, u64) -> Result<()>) -> Result<()> {
    let mut folders: Vec<PathBuf> = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let failed = |source| CatalogError::Io {
            action: "list",
            path: folder.clone(),
            source,
        };
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let metadata = match entry.metadata() {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                metadata => metadata.map_err(failed)?,
            };
            if metadata.is_dir() {
                folders.push(entry.path());
            } else if metadata.is_file() {
                with(&entry.path(), metadata.len())?;
            }
        }
    }
    Ok(())
}
