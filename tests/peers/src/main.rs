//! How fast we are beside what a user would pick instead: `cargo run --release --manifest-path
//! tests/peers/Cargo.toml [-- [--rows=NAME,…] [--scale=N] [SIZE…]]`.
//!
//! Every figure is the median of its rounds, ours and theirs in turn, on files that this makes. Reads
//! are warm. A put is durable before it returns, but for the peers that say otherwise.
//!
//! | rows | what is measured |
//! | --- | --- |
//! | `catalog` | the catalog, at each size: 100, 1,000, 10,000 and 100,000 entries unless given |
//! | `put` | a durable put at 1,000 entries; as the superuser also on ext4, XFS and btrfs |
//! | `lookup` | a model that is present |
//! | `hashing` | a file and a folder |
//! | `import` | a file into a store, on the same file systems |
//! | `reverify` | a folder that nobody changed |
//! | `herd` | 64 processes that ask for one model |
//! | `collect` | removing one of ten models |
//! | `memory` | the most that a process holds |
//!
//! `ours [ROW…]` measures our own rows alone in one short round, for `compare OLD NEW`, which has two
//! builds take turns.
//!
//! `--scale` divides all sizes but those of the catalog: 1 is what is reported.

mod catalog;
mod child;
mod collect;
mod files;
mod hashing;
mod herd;
mod import;
mod lookup;
mod measure;
mod memory;
mod ours;
mod places;
mod reverify;
mod stores;
mod table;
mod tools;

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use table::Table;

/// In the order in which they are measured: what writes most comes last, as a virtual disk may be
/// slow for minutes after.
const ROWS: [&str; 9] = [
    "put", "lookup", "import", "reverify", "herd", "collect", "hashing", "memory", "catalog",
];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let Some((child::FLAG, words)) = words.split_first().map(|(word, all)| (&**word, all)) {
        return child::run(words);
    }
    if let Some((ours::WORD, rows)) = words.split_first().map(|(word, all)| (&**word, all)) {
        return ours::run(rows);
    }
    let mut sizes: Vec<usize> = Vec::new();
    let mut rows: Vec<&str> = ROWS.to_vec();
    let mut scale = 1;
    for word in &words {
        if let Some(names) = word.strip_prefix("--rows=") {
            rows = names.split(',').collect();
        } else if let Some(by) = word.strip_prefix("--scale=") {
            scale = by.parse().expect("--scale is a number");
        } else {
            sizes.push(word.parse().expect("a size is a number"));
        }
    }
    if sizes.is_empty() {
        sizes = vec![100, 1_000, 10_000, 100_000];
    }
    let machine = machine();
    println!("{machine:#}");
    let mut table = Table::default();
    for row in rows {
        match row {
            "catalog" => {
                for size in &sizes {
                    catalog::measure(*size, &mut table);
                }
                table.print_growth(&catalog::DOCUMENTED);
            }
            "put" => catalog::measure_puts(&mut table),
            "lookup" => lookup::measure(&mut table),
            "hashing" => hashing::measure(scale, &mut table),
            "import" => import::measure(scale, &mut table),
            "reverify" => reverify::measure(scale, &mut table),
            "herd" => herd::measure(scale, &mut table),
            "collect" => collect::measure(scale, &mut table),
            "memory" => memory::measure(scale, &mut table),
            _ => panic!("{row} is none of {ROWS:?}"),
        }
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/target/peer-bench.json");
    let text = format!("{:#}\n", table.to_json(&machine));
    fs::write(path, text).expect("the target folder can be written");
    println!("also in {path}");
}

/// What it is measured on, and beside which versions.
fn machine() -> Value {
    let first = |path: &str, key: &str| {
        let text = fs::read_to_string(path).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(key));
        line.and_then(|line| line.split_once(':'))
            .map(|(_, value)| value.trim().to_owned())
    };
    let says = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output();
        let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        text.unwrap_or_default().lines().next().map(str::to_owned)
    };
    json!({
        "processor": first("/proc/cpuinfo", "model name"),
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "memory": first("/proc/meminfo", "MemTotal"),
        "kernel": fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim(),
        "here": says("findmnt", &["-no", "FSTYPE,OPTIONS", "-T", "."]),
        "sqlite": rusqlite::version(),
        "redb": locked("redb"),
        "cacache": locked("cacache"),
        "hf-hub": locked("hf-hub"),
        "huggingface_hub": tools::HUB.version(),
        "model_signing": tools::SIGNER.version(),
        "openssl": says("openssl", &["version"]),
        "coreutils": says("sha256sum", &["--version"]),
    })
}

/// The version of a crate that this is built with.
fn locked(name: &str) -> Option<&'static str> {
    let lock = include_str!("../Cargo.lock");
    let (_, package) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
    package.split('"').next()
}
