//! How fast we are beside what a user would pick instead: `cargo run --release --manifest-path
//! tests/peers/Cargo.toml [-- [--rows=NAME,…] [SIZE…]]`.
//!
//! Every figure is the median of its rounds, ours and theirs in turn, on files that this makes. Reads
//! are warm. A put is durable before it returns, but for the peers that say otherwise. Rows: `catalog`
//! at each size (100, 1,000, 10,000 and 100,000 entries unless given), `lookup`, `hashing`.

mod catalog;
mod hashing;
mod lookup;
mod measure;
mod stores;
mod table;

use std::fs;

use serde_json::{Value, json};

use table::Table;

fn main() {
    let mut sizes: Vec<usize> = Vec::new();
    let mut rows = "catalog,lookup,hashing".to_owned();
    for word in std::env::args().skip(1) {
        match (word.strip_prefix("--rows="), word.parse()) {
            (Some(names), _) => rows = names.to_owned(),
            (None, Ok(size)) => sizes.push(size),
            (None, Err(_)) => panic!("{word} is neither --rows=NAME,… nor a number"),
        }
    }
    if sizes.is_empty() {
        sizes = vec![100, 1_000, 10_000, 100_000];
    }
    let machine = machine();
    println!("{machine:#}");
    let mut table = Table::default();
    let is_wanted = |name: &str| rows.split(',').any(|row| row == name);
    if is_wanted("catalog") {
        for size in sizes {
            catalog::measure(size, &mut table);
        }
        table.print_growth();
    }
    if is_wanted("lookup") {
        lookup::measure(&mut table);
    }
    if is_wanted("hashing") {
        hashing::measure(1, &mut table);
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
    json!({
        "processor": first("/proc/cpuinfo", "model name"),
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "memory": first("/proc/meminfo", "MemTotal"),
        "kernel": fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim(),
        "sqlite": rusqlite::version(),
        "redb": "3", "cacache": "13", "hf-hub": "0.4",
    })
}
