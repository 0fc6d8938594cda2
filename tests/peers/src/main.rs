//! Measures this workspace beside the usual alternatives: `cargo run --release --manifest-path
//! tests/peers/Cargo.toml -- [--rows=NAME,…] [--write] [--scale=N] [SIZE…]`.
//!
//! Each figure is the median of its rounds. The contenders take turns in each round, on files that
//! the program makes in the current folder. Reads are warm. A write is durable when it returns, unless
//! the name of the contender says otherwise.
//!
//! | rows | measured |
//! | --- | --- |
//! | `catalog` | the catalog, at each size: 100, 1,000, 10,000 and 100,000 entries unless given |
//! | `put` | a durable put at 1,000 entries; as the superuser also on ext4, XFS and btrfs |
//! | `lookup` | the look-up of a model that is present |
//! | `hashing` | the digest of a file and of a folder |
//! | `download` | a file of a web server, on a fast link and on a throttled one, and its processor time |
//! | `download-memory` | the most memory that a process holds while it downloads a file |
//! | `hub-download` | a large file of a hub, and the same weights in a second repository |
//! | `hub-small-files` | a repository of 1,000 small files |
//! | `import` | the import of a file into a store, on the same file systems |
//! | `reverify` | the verification of an unchanged folder |
//! | `herd` | 64 processes that request one model |
//! | `collect` | the removal of one of ten models |
//! | `memory` | the most memory that a process holds |
//!
//! `--write` keeps the results in `results/measured.json`, and makes the plots and the tables of the
//! README from them. With `--rows` it replaces those rows and keeps the others, if the machine and the
//! versions are the same. `--render` makes the plots and tables again, without measuring.
//!
//! `--scale` divides all sizes but those of the catalog: 1 is reported.
//!
//! `ours [ROW…]` measures our own rows alone in one short round, for `compare OLD NEW`, which has two
//! builds take turns.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line prints"
)]

mod bar;
mod catalog;
mod child;
mod collect;
mod download;
mod files;
mod growth;
mod hashing;
mod herd;
mod hub_download;
mod hub_server;
mod import;
mod lookup;
mod machine;
mod measure;
mod measured;
mod memory;
mod merge;
mod options;
mod ours;
mod places;
mod processor;
mod report;
mod reverify;
#[cfg(test)]
mod sample;
mod stores;
mod table;
mod tools;
mod unit;

use std::fs;
use std::process::ExitCode;

use machine::Machine;
use measured::{Group, Measured};
use options::{Action, Plan, Results};
use table::Table;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let done = match Action::parse(&words) {
        Ok(Action::Child(words)) => {
            child::run(&words);
            Ok(())
        }
        Ok(Action::Ours(rows)) => {
            ours::run(&rows);
            Ok(())
        }
        Ok(Action::Render) => match report::load() {
            Some(measured) => report::write(&measured).map_err(|error| error.to_string()),
            None => Err("nothing is stored yet: measure with --write".to_owned()),
        },
        Ok(Action::Measure(plan)) => run(&plan),
        Err(error) => Err(error.to_string()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Measures, and keeps the results where the plan says.
fn run(plan: &Plan) -> Result<(), String> {
    let mut run = Measured {
        machine: Machine::here(),
        versions: machine::versions(),
        groups: Vec::new(),
    };
    println!("{}", run.machine);
    println!("{:?}", run.versions);
    let stored = match plan.results {
        Results::Written => report::load(),
        Results::Shown => None,
    };
    if let Some(stored) = &stored {
        // Found out before the minutes of a measurement, not after.
        let groups = plan.rows.iter().map(|row| Group::empty(row)).collect();
        let planned = Measured {
            groups,
            ..run.clone()
        };
        stored
            .clone()
            .merge(planned)
            .map_err(|error| error.to_string())?;
    }

    let mut table = Table::default();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/target/peer-bench.json");
    fs::create_dir_all(concat!(env!("CARGO_MANIFEST_DIR"), "/target"))
        .expect("a folder can be made");
    for row in &plan.rows {
        measure(row, plan, &mut table);
        // After each, as the run takes long.
        run.groups = table.groups().to_vec();
        let text = serde_json::to_string_pretty(&run).expect("measurements are plain values");
        fs::write(path, text).expect("the target folder can be written");
    }
    println!("also in {path}");
    if plan.results == Results::Shown {
        return Ok(());
    }
    let all = match stored {
        Some(stored) => stored.merge(run).map_err(|error| error.to_string())?,
        None => run,
    };
    report::write(&all).map_err(|error| error.to_string())
}

fn measure(row: &str, plan: &Plan, table: &mut Table) {
    table.begin(row);
    let scale = plan.scale;
    match row {
        "catalog" => {
            for size in &plan.sizes {
                catalog::measure(*size, table);
            }
            table.print_growth();
        }
        "put" => catalog::measure_puts(table),
        "lookup" => lookup::measure(table),
        "hashing" => hashing::measure(scale, table),
        "download" => download::measure(scale, table),
        "download-memory" => download::measure_memory(scale, table),
        "hub-download" => hub_download::measure(scale, table),
        "hub-small-files" => hub_download::measure_small(scale, table),
        "import" => import::measure(scale, table),
        "reverify" => reverify::measure(scale, table),
        "herd" => herd::measure(scale, table),
        "collect" => collect::measure(scale, table),
        "memory" => memory::measure(scale, table),
        _ => unreachable!("a plan has known rows only"),
    }
}
