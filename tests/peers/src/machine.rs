//! The machine of a run, and the versions of the peers.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};
use workspace_tests::real_servers::find;

use crate::tools;

/// The properties of a machine on which times depend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    pub processor: String,
    pub cores: usize,
    pub memory: String,
    pub kernel: String,
    /// The file system of the current folder, where each row is measured that names no other.
    pub file_system: String,
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            processor,
            cores,
            memory,
            kernel,
            file_system,
        } = self;
        write!(
            f,
            "{processor}, {cores} cores, {memory} of memory, Linux {kernel}, {file_system}"
        )
    }
}

impl Machine {
    /// This machine.
    pub fn here() -> Self {
        let kib = field("/proc/meminfo", "MemTotal");
        let kib = kib.split(' ').next().and_then(|word| word.parse().ok());
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        // Behind the number stands the name of a build.
        let kernel = kernel.trim().split('-').next().unwrap_or_default();
        Self {
            processor: field("/proc/cpuinfo", "model name"),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory: format!("{:.0} GiB", kib.unwrap_or(0.0) / 1_048_576.0),
            kernel: kernel.to_owned(),
            file_system: file_system(),
        }
    }
}

/// The versions of the peers on this machine. Those that are missing have none.
pub fn versions() -> BTreeMap<String, String> {
    let all = [
        ("SQLite", rusqlite::version().to_owned()),
        ("redb", locked("redb")),
        ("cacache", locked("cacache")),
        ("hf-hub", locked("hf-hub")),
        ("huggingface_hub", tools::HUB.version()),
        ("model_signing", tools::SIGNER.version()),
        ("OpenSSL", word(1, "openssl", &["version"])),
        ("coreutils", word(3, "sha256sum", &["--version"])),
        ("findutils", word(3, "find", &["--version"])),
        ("hf", tools::HUB.version()),
        ("curl", word(1, "curl", &["--version"])),
        ("aria2c", word(2, "aria2c", &["--version"])),
        ("nginx", nginx()),
    ];
    let known = all.into_iter().filter(|(_, version)| !version.is_empty());
    known
        .map(|(name, version)| (name.to_owned(), version))
        .collect()
}

/// The version of nginx, which prints `nginx version: nginx/1.22.1` as an error.
fn nginx() -> String {
    // Its folder is on the path of the superuser only.
    let output = find("nginx").and_then(|path| Command::new(path).arg("-v").output().ok());
    let text = output.map(|output| String::from_utf8_lossy(&output.stderr).into_owned());
    let version = text.as_deref().and_then(|text| text.split_once('/'));
    let version = version.and_then(|(_, version)| version.split_whitespace().next());
    version.unwrap_or_default().to_owned()
}

/// Today, as in `2026-11-27`.
pub fn date() -> String {
    first_line("date", &["-u", "+%F"])
}

/// The value behind a key in a file of `/proc`.
fn field(path: &str, key: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    let value = line.and_then(|line| line.split_once(':'));
    value.map_or_else(String::new, |(_, value)| value.trim().to_owned())
}

fn first_line(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let text = text.unwrap_or_default();
    text.lines().next().unwrap_or_default().trim().to_owned()
}

/// A word of the first line that a program prints.
fn word(number: usize, program: &str, arguments: &[&str]) -> String {
    let line = first_line(program, arguments);
    line.split_whitespace()
        .nth(number)
        .unwrap_or_default()
        .to_owned()
}

/// The kind of the file system of the current folder. A sync on ext4 costs less without a journal.
fn file_system() -> String {
    let kind = first_line("findmnt", &["-no", "FSTYPE", "-T", "."]);
    let device = first_line("findmnt", &["-no", "SOURCE", "-T", "."]);
    let device = Path::new(&device).file_name().unwrap_or_default();
    let journals = fs::read_dir("/proc/fs/jbd2").map(|folder| {
        let names = folder.filter_map(|entry| Some(entry.ok()?.file_name()));
        let prefix = format!("{}-", device.to_string_lossy());
        names
            .filter(|name| name.to_string_lossy().starts_with(&prefix))
            .count()
    });
    match (kind.as_str(), journals) {
        ("ext4", Ok(0)) => "ext4 without a journal".to_owned(),
        _ => kind,
    }
}

/// The version of a crate that this is built with.
fn locked(name: &str) -> String {
    let lock = include_str!("../Cargo.lock");
    let package = lock.split_once(&format!("name = \"{name}\"\nversion = \""));
    let version = package.and_then(|(_, package)| package.split('"').next());
    version.unwrap_or_default().to_owned()
}
