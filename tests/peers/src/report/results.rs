//! The stored measurements, and the files that are made from them: `results/measured.json`,
//! `results/*.svg`, and the generated blocks of the README.

use std::fmt;
use std::fs;
use std::path::PathBuf;

use super::chapters::Blocks;
use super::markers::{self, MarkerError};
use super::{bars, curves};
use crate::measured::{Group, Measured, Row};

/// The size of the catalog at which bars are drawn; the lines have all sizes.
const SIZE_OF_BARS: usize = 1_000;

/// The files below this folder that are made from measurements.
#[derive(Debug)]
pub struct Report {
    readme: String,
    /// Names and contents.
    figures: Vec<(String, String)>,
    /// Rows in which a peer is ahead of us, and that have no reason.
    unexplained: Vec<String>,
}

/// The results cannot be written, or are not complete.
#[derive(Debug)]
pub enum ReportError {
    Marker(MarkerError),
    /// All is written, but these rows lack a reason.
    Unexplained(Vec<String>),
}

impl fmt::Display for ReportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Marker(error) => error.fmt(f),
            Self::Unexplained(rows) => write!(
                f,
                "a peer is ahead of us, and src/report/reasons.rs says not why, in {}",
                rows.join("; ")
            ),
        }
    }
}

impl Report {
    /// Draws the figures, and fills the blocks of a README.
    pub fn of(measured: &Measured, readme: &str) -> Result<Self, MarkerError> {
        let blocks = Blocks::of(measured);
        let mut figures = Vec::new();
        for group in &measured.groups {
            figures.push((format!("{}.svg", group.name), bars_of(group)));
            if group.name == "catalog" {
                figures.push(("growth.svg".to_owned(), curves::draw(&group.rows)));
            }
        }
        Ok(Self {
            readme: markers::fill(readme, &blocks.texts)?,
            figures,
            unexplained: blocks.unexplained,
        })
    }
}

fn bars_of(group: &Group) -> String {
    let rows = group.rows.iter();
    let rows: Vec<&Row> = match group.name.as_str() {
        "catalog" => rows
            .filter(|row| row.entries == Some(SIZE_OF_BARS))
            .collect(),
        _ => rows.collect(),
    };
    // All rows of a group have one unit.
    let unit = rows
        .first()
        .map_or(crate::unit::Unit::Seconds, |row| row.unit);
    bars::draw(&rows, unit)
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Reads the stored measurements, if there are any.
pub fn load() -> Option<Measured> {
    let text = fs::read(path("results/measured.json")).ok()?;
    Some(serde_json::from_slice(&text).expect("results/measured.json has the shape of `Measured`"))
}

/// Stores measurements, and writes all that is made from them. Rows without a reason are an error
/// after everything is written.
pub fn write(measured: &Measured) -> Result<(), ReportError> {
    let store = |name: &str, text: &str| {
        fs::write(path(name), text).expect("the folder of the results can be written");
    };
    let json = serde_json::to_string_pretty(measured).expect("measurements are plain values");
    fs::create_dir_all(path("results")).expect("a folder can be made");
    store("results/measured.json", &format!("{json}\n"));
    let readme = fs::read_to_string(path("README.md")).expect("there is a README");
    let report = Report::of(measured, &readme).map_err(ReportError::Marker)?;
    for (name, figure) in &report.figures {
        store(&format!("results/{name}"), figure);
    }
    store("README.md", &report.readme);
    match report.unexplained.is_empty() {
        true => Ok(()),
        false => Err(ReportError::Unexplained(report.unexplained)),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Report, load, path};
    use crate::options::ROWS;
    use crate::sample;

    /// A README with a place for each block, and nothing else.
    fn frame() -> String {
        let names = ROWS.into_iter().chain(["host", "growth"]);
        let places =
            names.map(|name| format!("<!-- measured:{name} -->\n<!-- /measured:{name} -->\n"));
        places.collect()
    }

    #[test]
    fn equal_measurements_give_equal_files() {
        let [one, other] = [0; 2].map(|_| Report::of(&sample::measured(), &frame()).unwrap());
        assert_eq!(one.readme, other.readme);
        assert_eq!(one.figures, other.figures);
    }

    #[test]
    fn each_figure_has_its_place_in_the_readme() {
        let report = Report::of(&sample::measured(), &frame()).unwrap();
        assert_eq!(report.figures.len(), 3);
        for (name, _) in &report.figures {
            assert!(
                report.readme.contains(&format!("](results/{name})")),
                "{name}"
            );
        }
    }

    #[test]
    fn the_stored_files_are_those_of_the_stored_measurements() {
        let measured = load().expect("measurements are stored");
        let readme = fs::read_to_string(path("README.md")).unwrap();
        let report = Report::of(&measured, &readme).unwrap();
        let hint = "run it again with -- --render";
        assert!(report.readme == readme, "README.md: {hint}");
        for (name, figure) in report.figures {
            let stored = fs::read_to_string(path("results").join(&name)).unwrap();
            assert!(stored == figure, "{name}: {hint}");
        }
        assert_eq!(report.unexplained, [""; 0], "add a reason");
    }
}
