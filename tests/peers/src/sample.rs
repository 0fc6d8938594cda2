//! Small made-up measurements, for unit tests.

use std::collections::BTreeMap;

use crate::machine::Machine;
use crate::measured::{Group, Measured, Row, Stat, Whose};

/// A row of these medians; the first is ours.
pub fn row(id: &str, medians: &[f64]) -> Row {
    let stats = medians.iter().enumerate().map(|(number, median)| {
        let (name, whose) = match number {
            0 => ("FsCatalog".to_owned(), Whose::Ours),
            _ => (format!("peer {number}"), Whose::Peer),
        };
        Stat::of(&name, whose, vec![*median, median * 0.9, median * 1.2])
    });
    Row::of_time(id, id.replace('-', " "), stats.collect())
}

fn group(name: &str, rows: Vec<Row>) -> Group {
    Group {
        name: name.to_owned(),
        date: "2026-11-27".to_owned(),
        rows,
        skipped: Vec::new(),
    }
}

/// Two groups: `put`, in one row of which a peer is ahead, and `catalog`.
pub fn measured() -> Measured {
    let growing = |id: &str, entries: usize, ours: f64| {
        let mut row = row(id, &[ours, ours * 2.0]).over(entries);
        row.work = id.to_owned();
        row
    };
    Measured {
        machine: Machine {
            processor: "Some CPU".to_owned(),
            cores: 2,
            memory: "24 GiB".to_owned(),
            kernel: "6.1.2".to_owned(),
            file_system: "ext4".to_owned(),
        },
        versions: BTreeMap::from([("redb".to_owned(), "3.1.0".to_owned())]),
        groups: vec![
            group(
                "put",
                vec![
                    row("put-here", &[1e-3, 2e-4]).over(1_000),
                    row("put-ext4", &[1e-3, 2e-3]).over(1_000),
                ],
            ),
            group(
                "catalog",
                vec![
                    growing("get", 100, 1e-6),
                    growing("list", 100, 1e-5),
                    growing("get", 1_000, 1.5e-6),
                    growing("list", 1_000, 1e-4),
                ],
            ),
        ],
    }
}
