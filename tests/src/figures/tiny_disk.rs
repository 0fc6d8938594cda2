//! All kinds of a full disk, no bytes or no inodes left or files that may not grow, which cuts a
//! write short: what fits into the spare is written all the same, for all else the old index stays,
//! and space that is freed is usable.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use catalog_core::{CatalogError, CatalogStore, FsCatalog, ImportRequest};

use super::contention::increment;
use crate::figure::{Measured, Outcome, Sabotage, Trial};
use crate::mounts::{Mount, free_bytes};
use crate::state::write_and_look_for_leftovers;
use crate::steps::answers;
use crate::strace::{Site, program};

pub(super) fn measure(trial: Trial) -> Outcome {
    let mut measured = Measured::of(trial);
    let mut refused = 0;
    for (options, fill) in [
        ("size=256k", fill_bytes as fn(&Path)),
        ("size=4m,nr_inodes=16", fill_inodes),
    ] {
        let mount = match Mount::in_memory(options) {
            Ok(mount) => mount,
            Err(reason) => return Outcome::Skipped(reason),
        };
        match try_disk(&mount.path(), fill, trial.sabotage) {
            Ok(count) => refused += count,
            Err(error) => measured.violation(format!("{options}: {error}")),
        }
        if measured.is_hopeless() {
            return Outcome::Measured(measured);
        }
    }
    match stage_too_much() {
        Ok(Some(count)) => refused += count,
        Ok(None) => return Outcome::Skipped("no file system can be mounted".to_owned()),
        Err(error) => measured.violation(format!("staging: {error}")),
    }
    match beyond_the_limit() {
        Ok(count) => refused += count,
        Err(error) => measured.violation(format!("a limit of file sizes: {error}")),
    }
    measured.count("kinds of full disk", 4);
    measured.count("writes refused", refused);
    Outcome::Measured(measured)
}

/// Tells how many writes were refused.
fn try_disk(disk: &Path, fill: fn(&Path), sabotage: Sabotage) -> Result<usize, String> {
    let text = |error: catalog_core::CatalogError| error.to_string();
    let catalog = FsCatalog::new(disk.join("root")).map_err(text)?;
    for number in 0..40 {
        increment(&catalog, &[&format!("id-{number}")]).map_err(text)?;
    }
    let before = catalog.list().map_err(text)?;
    fill(disk);
    // What fits into the spare is written, any number of times.
    for number in 0..20 {
        increment(&catalog, &[&format!("id-{number}")])
            .map_err(|error| format!("write {number} on a full disk: {error}"))?;
        fill(disk);
    }
    if sabotage == Sabotage::UndoneWrite {
        catalog.delete("id-0").map_err(text)?;
    }
    let before = {
        let now = catalog.list().map_err(text)?;
        if now.len() != before.len() || now == before {
            return Err("what was written on a full disk is not there".to_owned());
        }
        now
    };
    let endless: Vec<String> = (0..5_000).map(|n| format!("{n}{:->1000}", "")).collect();
    let endless: Vec<&str> = endless.iter().map(String::as_str).collect();
    for _ in 0..5 {
        match increment(&catalog, &endless) {
            Ok(_) => return Err("more than the disk holds was acknowledged".to_owned()),
            Err(error) if error.code() == "io" => {}
            Err(error) => return Err(format!("{}: {error}", error.code())),
        }
        let reopened = FsCatalog::new(disk.join("root")).map_err(text)?;
        if reopened.list().map_err(text)? != before {
            return Err("the old index is not intact".to_owned());
        }
    }
    for entry in fs::read_dir(disk)
        .map_err(|error| error.to_string())?
        .flatten()
    {
        if entry.path().is_file() {
            fs::remove_file(entry.path()).map_err(|error| error.to_string())?;
        }
    }
    increment(&catalog, &["afterwards"]).map_err(text)?;
    let names = fs::read_dir(disk.join("root")).map_err(|error| error.to_string())?;
    let leftover = names.flatten().find(|entry| {
        let name = entry.file_name();
        name.to_string_lossy().starts_with('.') && name != ".index.json.spare"
    });
    match leftover {
        Some(entry) => Err(format!("leftover {:?}", entry.file_name())),
        None => Ok(5),
    }
}

/// Stages more than a disk holds: once what is known to be too much, once what turns out to be. Tells
/// how many were refused; nothing if there is no such disk.
fn stage_too_much() -> Result<Option<usize>, String> {
    let text = |error: CatalogError| error.to_string();
    let Ok(mount) = Mount::in_memory("size=2m") else {
        return Ok(None);
    };
    let root = mount.path().join("root");
    let catalog = FsCatalog::new(&root).map_err(text)?;
    increment(&catalog, &["id"]).map_err(text)?;
    let small = tempfile::NamedTempFile::new().map_err(|error| error.to_string())?;
    fs::write(small.path(), vec![1; 200_000]).map_err(|error| error.to_string())?;
    let large = tempfile::NamedTempFile::new().map_err(|error| error.to_string())?;
    fs::write(large.path(), vec![2; 4 << 20]).map_err(|error| error.to_string())?;
    let import = |id: &str, source: &Path| {
        catalog.import(&ImportRequest::new(&id.parse()?, source), &mut |_| Ok(()))
    };
    import("kept", small.path()).map_err(text)?;
    let before = (free_bytes(&root)?, catalog.list().map_err(text)?);
    type Refused<'r> = &'r dyn Fn() -> Result<(), CatalogError>;
    let refusals: [(&str, Refused<'_>); 2] = [
        ("no_space", &|| import("large", large.path()).map(drop)),
        ("io", &|| {
            // Nobody says how much it is going to be.
            let mut staging = catalog.artifacts().stage(&"unknown".parse()?, 0)?;
            let mut file = staging.create("a.bin")?;
            let chunk = [3; 65_536];
            let failed = (0..1_000).find_map(|_| file.write_all(&chunk).err());
            drop(file);
            failed.map_or(Ok(()), |source| {
                let path = root.clone();
                let action = "write";
                Err(CatalogError::Io {
                    action,
                    path,
                    source,
                })
            })
        }),
    ];
    for (code, refused) in refusals {
        match refused() {
            Err(error) if error.code() == code => {}
            Err(error) => return Err(format!("{}: {error}", error.code())),
            Ok(()) => return Err(format!("what is {code} was staged")),
        }
        let now = (free_bytes(&root)?, catalog.list().map_err(text)?);
        if now != before {
            return Err(format!("{} bytes are free, not {}", now.0, before.0));
        }
    }
    let kept = catalog.get("kept").map_err(text)?;
    let is_whole = kept
        .is_some_and(|kept| fs::read(kept.local_path).is_ok_and(|bytes| bytes == vec![1; 200_000]));
    if is_whole {
        Ok(Some(refusals.len()))
    } else {
        Err("what was there is not whole".to_owned())
    }
}

/// A process whose files may have 4 KiB writes an index that is longer. Tells how many writes were
/// refused.
fn beyond_the_limit() -> Result<usize, String> {
    let text = |error: catalog_core::CatalogError| error.to_string();
    let site = Site::new();
    let catalog = FsCatalog::new(site.root()).map_err(text)?;
    for number in 0..40 {
        increment(&catalog, &[&format!("id-{number}")]).map_err(text)?;
    }
    let before = catalog.list().map_err(text)?;
    // In blocks of 512 bytes; the signal that a limit sends would end the process.
    let status = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\""])
        .arg(program())
        .arg("--workload")
        .args([site.root(), site.answers()])
        .args(["PutA", "PutB"])
        .status()
        .map_err(|error| format!("sh: {error}"))?;
    let answers = answers(&site.answers());
    let refused = vec![Some("io".to_owned()); 2];
    if !status.success() || answers != refused {
        return Err(format!("{status}, answers {answers:?}"));
    }
    if catalog.list().map_err(text)? != before {
        return Err("the old index is not intact".to_owned());
    }
    write_and_look_for_leftovers(&site.root())?;
    Ok(refused.len())
}

fn fill_bytes(disk: &Path) {
    if let Ok(mut file) = fs::File::create(disk.join("filler")) {
        while file.write_all(&[0; 512]).is_ok() {}
    }
}

fn fill_inodes(disk: &Path) {
    let mut number = 0;
    while fs::File::create(disk.join(format!("filler-{number}"))).is_ok() {
        number += 1;
    }
}
