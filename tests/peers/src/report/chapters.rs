//! The generated blocks of the README: for each group its figure, its table and its command.

use std::collections::{BTreeMap, BTreeSet};

use super::reasons::reason;
use crate::growth::{DOCUMENTED, Growth, exponent, points};
use crate::measured::{Group, Measured, Row, Stat, Whose};
use crate::options::ROWS;
use crate::unit::{Unit, thousands};

/// The blocks by their names, and the rows that lack a reason.
#[derive(Debug)]
pub struct Blocks {
    pub texts: BTreeMap<String, String>,
    /// Rows in which a peer is ahead of us, and that have no reason.
    pub unexplained: Vec<String>,
}

impl Blocks {
    /// Writes all blocks.
    pub fn of(measured: &Measured) -> Self {
        let mut texts = BTreeMap::from([("host".to_owned(), host(measured))]);
        let mut unexplained = Vec::new();
        for group in &measured.groups {
            let block = block(group, &mut unexplained);
            texts.insert(group.name.clone(), block);
            if group.name == "catalog" {
                texts.insert("growth".to_owned(), growth(group));
            }
        }
        for name in ROWS {
            let text = || {
                format!(
                    "These rows are not stored yet. Measure them:\n\n{}",
                    repeat(name)
                )
            };
            texts.entry(name.to_owned()).or_insert_with(text);
        }
        Self { texts, unexplained }
    }
}

fn host(measured: &Measured) -> String {
    let dates: BTreeSet<&str> = measured.groups.iter().map(|group| &*group.date).collect();
    let dates: Vec<&str> = dates.into_iter().collect();
    let versions = measured.versions.iter();
    let versions: Vec<String> = versions
        .map(|(name, version)| format!("{name} {version}"))
        .collect();
    format!(
        "- Machine: {}\n- Measured on: {}\n- Versions: {}\n",
        measured.machine,
        dates.join(", "),
        versions.join(", ")
    )
}

fn block(group: &Group, unexplained: &mut Vec<String>) -> String {
    let name = &group.name;
    let mut text = format!("![{}](results/{name}.svg)\n\n", alternative(name));
    text.push_str(
        "| work | ours | others, and their multiple of ours | where we are behind, and why |\n",
    );
    text.push_str("| --- | --- | --- | --- |\n");
    let mut before = None;
    for row in by_work(&group.rows) {
        let work = named(row);
        let is_behind = row.ahead_of_us().next().is_some();
        let why = match (is_behind, reason(&row.id)) {
            (false, _) => String::new(),
            (true, Some(reason)) if before == Some(reason) => "the same".to_owned(),
            (true, Some(reason)) => {
                before = Some(reason);
                reason.to_owned()
            }
            (true, None) => {
                unexplained.push(format!("{name}: {work} ({})", row.id));
                "**no reason is given**".to_owned()
            }
        };
        text.push_str(&format!(
            "| {work} | {} | {} | {why} |\n",
            ours(row),
            others(row)
        ));
    }
    for remark in group.rows.iter().filter_map(|row| row.remark.as_ref()) {
        text.push_str(&format!("\n{remark}\n"));
    }
    if !group.skipped.is_empty() {
        text.push_str("\nNot measured:\n\n");
        for skipped in &group.skipped {
            text.push_str(&format!("- {skipped}\n"));
        }
    }
    text.push_str(&format!(
        "\nMeasured on {}. Repeat it:\n\n{}",
        group.date,
        repeat(name)
    ));
    text
}

/// The command that measures a group.
fn repeat(name: &str) -> String {
    format!(
        "```sh\ncargo run --release --locked --manifest-path tests/peers/Cargo.toml -- --rows={name} \
         --write\n```\n"
    )
}

/// The rows, those of one kind of work behind each other.
fn by_work(rows: &[Row]) -> Vec<&Row> {
    let mut sorted: Vec<&Row> = rows.iter().collect();
    sorted.sort_by_key(|row| rows.iter().position(|other| other.id == row.id));
    sorted
}

/// The text in the place of a figure that cannot be seen.
fn alternative(group: &str) -> String {
    format!("Bars of the rows of {group}; the table below has their values")
}

fn named(row: &Row) -> String {
    match row.entries {
        Some(entries) => format!("{}, {} entries", row.work, thousands(entries)),
        None => row.work.clone(),
    }
}

fn ours(row: &Row) -> String {
    let ours = row.measured.iter().filter(|stat| stat.whose == Whose::Ours);
    let ours: Vec<&Stat> = ours.collect();
    match ours[..] {
        [stat] => row.unit.show(stat.median),
        _ => listed(ours.iter().map(|stat| value(row.unit, stat))),
    }
}

/// All others from the fastest. Those that are ahead are bold.
fn others(row: &Row) -> String {
    let ahead: Vec<&str> = row.ahead_of_us().map(|stat| stat.name.as_str()).collect();
    let others = row.measured.iter().filter(|stat| stat.whose != Whose::Ours);
    let mut others: Vec<&Stat> = others.collect();
    others.sort_by(|one, other| one.median.total_cmp(&other.median));
    listed(others.into_iter().map(|stat| {
        let times = multiple(stat.median / row.ours());
        let text = format!("{} (×{times})", value(row.unit, stat));
        match ahead.contains(&stat.name.as_str()) {
            true => format!("**{text}**"),
            false => text,
        }
    }))
}

fn value(unit: Unit, stat: &Stat) -> String {
    format!("{} {}", stat.name, unit.show(stat.median))
}

/// One below the other in a cell.
fn listed(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join("<br>")
}

/// Writes a multiple with two significant digits.
fn multiple(times: f64) -> String {
    match times {
        9.95.. => thousands(times.round() as usize),
        0.995.. => format!("{times:.1}"),
        0.095.. => format!("{times:.2}"),
        _ => format!("{times:.3}"),
    }
}

/// How the costs grow, of ours and of each peer.
fn growth(catalog: &Group) -> String {
    let contenders = catalog.rows.first().map_or(&[][..], |row| &row.measured);
    let names: Vec<&str> = contenders.iter().map(|stat| stat.name.as_str()).collect();
    let mut text =
        "![Lines of get, list, put, and open and list by the number of entries: ours, and \
                    each peer](results/growth.svg)\n\n"
            .to_owned();
    text.push_str(&format!(
        "| call | documented for ours | {} |\n",
        names.join(" | ")
    ));
    text.push_str(&format!("| --- | --- |{}\n", " --- |".repeat(names.len())));
    for (work, documented) in DOCUMENTED {
        let exponents = names.iter().enumerate().map(|(number, name)| {
            let Some(exponent) = exponent(&points(&catalog.rows, work, name)) else {
                return String::new();
            };
            match number == 0 && Growth::of(exponent) > documented {
                true => format!("**n^{exponent:.2}, more than documented**"),
                false => format!("n^{exponent:.2}"),
            }
        });
        let exponents: Vec<String> = exponents.collect();
        let (documented, exponents) = (documented.words(), exponents.join(" | "));
        text.push_str(&format!("| {work} | {documented} | {exponents} |\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Blocks, multiple};
    use crate::sample;

    #[test]
    fn the_reason_stands_beside_a_row_in_which_a_peer_is_ahead() {
        let blocks = Blocks::of(&sample::measured());
        let row = |name: &str| {
            let mut lines = blocks.texts["put"].lines();
            lines.find(|line| line.contains(name)).unwrap().to_owned()
        };
        let behind = row("put here");
        assert!(behind.contains("| **peer 1 200 µs (×0.20)** |"), "{behind}");
        assert!(behind.contains("whole index file"), "{behind}");
        assert!(row("put ext4").ends_with("| 1.00 ms | peer 1 2.00 ms (×2.0) |  |"));
        assert_eq!(blocks.unexplained, [""; 0]);
    }

    #[test]
    fn a_row_without_a_reason_is_reported_and_seen() {
        let mut measured = sample::measured();
        measured.groups[0].rows[0].id = "unheard-of".to_owned();
        let blocks = Blocks::of(&measured);
        assert_eq!(
            blocks.unexplained,
            ["put: put here, 1,000 entries (unheard-of)"]
        );
        assert!(blocks.texts["put"].contains("**no reason is given**"));
    }

    #[test]
    fn rows_of_one_kind_of_work_stand_together() {
        let blocks = Blocks::of(&sample::measured());
        let lines = blocks.texts["catalog"].lines();
        let work = lines.filter_map(|line| line.split('|').nth(1));
        let work: Vec<&str> = work.map(str::trim).skip(2).collect();
        let expected = [
            "get, 100 entries",
            "get, 1,000 entries",
            "list, 100 entries",
            "list, 1,000 entries",
        ];
        assert_eq!(work, expected);
    }

    #[test]
    fn growth_has_a_column_for_each_contender() {
        let blocks = Blocks::of(&sample::measured());
        let growth = &blocks.texts["growth"];
        assert!(growth.contains("| FsCatalog | peer 1 |"), "{growth}");
        assert!(
            growth.contains("| list | linear | n^1.00 | n^1.00 |"),
            "{growth}"
        );
    }

    #[test]
    fn growth_beyond_the_documented_one_is_seen() {
        let mut measured = sample::measured();
        let ours = &mut measured.groups[1].rows[2].measured[0];
        ours.median *= 100.0;
        let blocks = Blocks::of(&measured);
        assert!(blocks.texts["growth"].contains("**n^2.18, more than documented**"));
    }

    #[test]
    fn a_run_names_its_host_and_the_command_that_repeats_it() {
        let blocks = Blocks::of(&sample::measured());
        assert!(blocks.texts["host"].contains("Some CPU, 2 cores, 24 GiB of memory"));
        assert!(blocks.texts["host"].contains("redb 3.1.0"));
        assert!(blocks.texts["put"].contains("--rows=put --write"));
    }

    #[test]
    fn skipped_rows_are_listed_with_their_reason() {
        let mut measured = sample::measured();
        measured.groups[0].skipped = vec!["put on XFS: mkfs.xfs is missing".to_owned()];
        let blocks = Blocks::of(&measured);
        assert!(blocks.texts["put"].contains("- put on XFS: mkfs.xfs is missing"));
    }

    #[test]
    fn rows_that_are_not_stored_have_a_command_only() {
        let blocks = Blocks::of(&sample::measured());
        let herd = &blocks.texts["herd"];
        assert!(herd.contains("not stored yet"), "{herd}");
        assert!(herd.contains("--rows=herd --write"), "{herd}");
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(multiple(1.04), "1.0");
        assert_eq!(multiple(0.21), "0.21");
        assert_eq!(multiple(0.012), "0.012");
        assert_eq!(multiple(12_345.6), "12,346");
    }
}
