//! The rows of a run, printed as they are measured.

use crate::growth::{DOCUMENTED, Growth, exponent, points};
use crate::measured::{Group, Row};

/// Collects and prints the rows of a run.
#[derive(Debug, Default)]
pub struct Table {
    groups: Vec<Group>,
}

impl Table {
    /// Begins a group of rows. All rows that are added belong to the latest one.
    pub fn begin(&mut self, name: &str) {
        self.groups.push(Group::empty(name));
    }

    /// Adds a row and prints it.
    pub fn add(&mut self, row: Row) {
        let entries = row
            .entries
            .map_or_else(String::new, |entries| format!(", {entries} entries"));
        println!("{}{entries}", row.work);
        for stat in &row.measured {
            println!(
                "    {:<44} {:>10}  {:>9.2}x  [{} to {}]",
                stat.name,
                row.unit.show(stat.median),
                stat.median / row.ours(),
                row.unit.show(stat.best),
                row.unit.show(stat.worst),
            );
        }
        if let Some(remark) = &row.remark {
            println!("    {remark}");
        }
        self.group().rows.push(row);
    }

    /// Notes what could not be measured.
    pub fn skip(&mut self, what: &str, why: &str) {
        println!("{what}: skipped: {why}");
        self.group().skipped.push(format!("{what}: {why}"));
    }

    /// Prints how our costs grow with the number of entries, beside the documented growth.
    pub fn print_growth(&mut self) {
        println!("growth of ours, from the smallest to the largest size");
        for (work, at_most) in DOCUMENTED {
            let Some(exponent) = exponent(&points(&self.group().rows, work, "FsCatalog")) else {
                continue;
            };
            let found = Growth::of(exponent);
            let verdict = if found > at_most {
                ": FASTER than"
            } else {
                ", at most"
            };
            println!("    {work:<26} n^{exponent:.2}, {found:?}{verdict} documented: {at_most:?}");
        }
    }

    /// All groups, in the order in which they were measured.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    fn group(&mut self) -> &mut Group {
        self.groups.last_mut().expect("a group was begun")
    }
}
