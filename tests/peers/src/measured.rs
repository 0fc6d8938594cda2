//! The stored shape of measurements, `results/measured.json`: values, the machine, the date and the
//! versions. Figures and tables are drawn from it alone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::machine::{self, Machine};
use crate::unit::Unit;

/// All measurements of one machine and one set of versions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    pub machine: Machine,
    /// The versions of the peers.
    pub versions: BTreeMap<String, String>,
    pub groups: Vec<Group>,
}

/// The rows of one name of `--rows`, measured in one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    pub name: String,
    /// The day of the run, as in `2026-11-27`.
    pub date: String,
    pub rows: Vec<Row>,
    /// The contenders and places that were not measured, each with its reason.
    pub skipped: Vec<String>,
}

/// One kind of work. The first value is ours; the others are compared with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Names the row in the list of reasons. Rows that differ in the number of entries share it.
    pub id: String,
    /// The work, for people.
    pub work: String,
    /// The number of entries of the catalog, if the row has one.
    pub entries: Option<usize>,
    pub unit: Unit,
    pub measured: Vec<Stat>,
    /// Something else that was seen.
    pub remark: Option<String>,
}

/// The values of one contender.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stat {
    pub name: String,
    pub whose: Whose,
    /// The median of the rounds.
    pub median: f64,
    /// The best round.
    pub best: f64,
    /// The worst round.
    pub worst: f64,
}

/// The owner of a measured value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Whose {
    Ours,
    Peer,
    /// The least that the work takes. Nobody can use it instead.
    Bound,
}

impl Group {
    /// A group without rows.
    pub fn empty(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            date: machine::date(),
            rows: Vec::new(),
            skipped: Vec::new(),
        }
    }
}

impl Stat {
    /// Summarises values, which may have any order.
    pub fn of(name: &str, whose: Whose, mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self {
            name: name.to_owned(),
            whose,
            median: values[values.len() / 2],
            best: values[0],
            worst: values[values.len() - 1],
        }
    }
}

impl Row {
    /// A row of times.
    pub fn of_time(id: &str, work: impl Into<String>, measured: Vec<Stat>) -> Self {
        Self {
            id: id.to_owned(),
            work: work.into(),
            entries: None,
            unit: Unit::Seconds,
            measured,
            remark: None,
        }
    }

    /// A row of the most memory that each process held.
    pub fn of_memory(id: &str, work: impl Into<String>, measured: Vec<Stat>) -> Self {
        Self {
            unit: Unit::Bytes,
            ..Self::of_time(id, work, measured)
        }
    }

    /// States the number of entries of the catalog.
    #[must_use]
    pub fn over(mut self, entries: usize) -> Self {
        self.entries = Some(entries);
        self
    }

    /// States something else that was seen.
    #[must_use]
    pub fn remark(mut self, remark: String) -> Self {
        self.remark = Some(remark);
        self
    }

    /// The value that the others are compared with.
    pub fn ours(&self) -> f64 {
        self.measured.first().map_or(f64::NAN, |stat| stat.median)
    }

    /// The peers that need less than we do. A difference below a twentieth is noise.
    pub fn ahead_of_us(&self) -> impl Iterator<Item = &Stat> {
        let peers = self
            .measured
            .iter()
            .filter(|stat| stat.whose == Whose::Peer);
        peers.filter(|stat| self.ours() > stat.median * 1.05)
    }
}

#[cfg(test)]
mod tests {
    use crate::sample;

    #[test]
    fn stored_measurements_are_read_back_equal() {
        let measured = sample::measured();
        let text = serde_json::to_string(&measured).unwrap();
        assert_eq!(measured, serde_json::from_str(&text).unwrap());
    }

    #[test]
    fn only_peers_that_are_clearly_faster_are_ahead() {
        let row = sample::row("put-here", &[1.0, 0.97, 0.5, 2.0]);
        let ahead: Vec<&str> = row.ahead_of_us().map(|stat| stat.name.as_str()).collect();
        assert_eq!(ahead, ["peer 2"]);
    }
}
