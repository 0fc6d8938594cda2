//! The most memory that a process holds at any time, of ours and of the others.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use catalog_core::CatalogEntry;

use crate::catalog::entry;
use crate::child;
use crate::files::{GIB, command, fill, remove};
use crate::measured::{Row, Stat, Whose};
use crate::stores::{KINDS, open_store};
use crate::table::Table;
use crate::unit::thousands;

/// Measures the rows; `scale` divides the sizes.
pub fn measure(scale: usize, table: &mut Table) {
    let folder = tempfile::tempdir_in(".").expect("a folder can be made here");
    let file = folder.path().join("file.bin");
    fill(&file, 8 * GIB / scale, 1);
    let mut add = |id: &str, work: String, stats| table.add(Row::of_memory(id, work, stats));
    let ours = |name: &str, program: &mut Command| measured(name, Whose::Ours, program);
    let peer = |name: &str, program: &mut Command| measured(name, Whose::Peer, program);
    let gib = 8.0 / scale as f64;
    add(
        "memory-hash",
        format!("memory while hashing {gib} GiB"),
        vec![
            ours("Digest::of_file", child::command("hash").arg(&file)),
            peer(
                "openssl dgst -sha256",
                command("openssl").args(["dgst", "-sha256"]).arg(&file),
            ),
            peer("sha256sum", command("sha256sum").arg(&file)),
        ],
    );
    let to = |name: &str| folder.path().join(name);
    let (root, copy, cache) = (to("root"), to("copy.bin"), to("cacache"));
    let mut stats = Vec::new();
    for (name, whose, program, target) in [
        ("import", Whose::Ours, &mut child::command("import"), &root),
        (
            "cacache",
            Whose::Peer,
            &mut child::command("cacache"),
            &cache,
        ),
        (
            "cp",
            Whose::Peer,
            command("cp").arg("--reflink=auto"),
            &copy,
        ),
    ] {
        stats.push(measured(name, whose, program.arg(&file).arg(target)));
        remove(target);
    }
    add(
        "memory-import",
        format!("memory while importing {gib} GiB"),
        stats,
    );
    remove(&file);

    let count = 100_000 / scale;
    let entries: Vec<CatalogEntry> = (0..count).map(entry).collect();
    let stats = KINDS
        .iter()
        .filter(|kind| !kind.contains("cacache"))
        .map(|kind| {
            let path = folder.path().join("store");
            open_store(kind, &path).put_all(&entries);
            let whose = match *kind == KINDS[0] {
                true => Whose::Ours,
                false => Whose::Peer,
            };
            let stat = measured(kind, whose, child::command("open").arg(kind).arg(&path));
            remove(&path);
            stat
        });
    let stats = stats.collect();
    let work = format!("memory with {} entries open, one read", thousands(count));
    add("memory-open", work, stats);
}

/// The most memory that a process holds.
fn measured(name: &str, whose: Whose, program: &mut Command) -> Stat {
    Stat::of(name, whose, vec![peak(name, program)])
}

/// Runs a process to its end, and returns the most memory in bytes that it held at any time. It
/// reads `/proc` again and again: the kernel gives the final value to the parent alone, by a call
/// that std lacks.
pub fn peak(name: &str, program: &mut Command) -> f64 {
    let mut process = program.spawn().expect("it runs");
    let status = format!("/proc/{}/status", process.id());
    let mut most = 0.0_f64;
    while process.try_wait().expect("it is ours").is_none() {
        most = most.max(high_water_mark(Path::new(&status)));
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(
        process.wait().is_ok_and(|status| status.success()),
        "{name}"
    );
    most
}

/// The most memory that a process held so far, in bytes. Returns 0 if the process is gone.
fn high_water_mark(status: &Path) -> f64 {
    let text = fs::read_to_string(status).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().split(' ').next()?.parse::<f64>().ok());
    kib.unwrap_or(0.0) * 1024.0
}
