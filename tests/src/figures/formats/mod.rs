//! The same answers about files of weights as the packages `gguf` and `safetensors` of Python, apart from
//! listed differences.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use catalog_core::{ContentCheck, LocalModel};

use crate::figure::{Measured, Outcome, Sabotage, Trial};

mod gguf;
mod safetensors;

/// A generated file: its name, and its bytes.
type Generated = (String, Vec<u8>);

/// The least number of files.
const FILES: usize = 200;

/// A difference from the packages that is meant.
struct Difference {
    /// The begin of the names of the files.
    name: &'static str,
    /// Whether we accept them.
    is_accepted: bool,
    reason: &'static str,
}

/// The differences, with their reasons.
const DIFFERENCES: &[Difference] = &[
    Difference {
        name: "type-9-whole.gguf",
        is_accepted: true,
        reason: "a block of Q8_1 has 36 bytes in ggml, and 40 in the package",
    },
    Difference {
        name: "two-unaligned.gguf",
        is_accepted: false,
        reason: "the format demands that a tensor begins at the alignment, and engines refuse others",
    },
    Difference {
        name: "two-wrapping.gguf",
        is_accepted: false,
        reason: "a tensor that ends beyond 64 bits lies in no file",
    },
    Difference {
        name: "dimensions-9.gguf",
        is_accepted: false,
        reason: "the format has at most 4 dimensions, and this check allows 8",
    },
];

pub(super) fn measure(trial: Trial) -> Outcome {
    let python =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/hub-tools/formats/bin/python");
    if !python.exists() {
        return Outcome::Skipped("no gguf and safetensors: tests/run installs them".to_owned());
    }
    let mut measured = Measured::of(trial);
    if let Err(error) = compare(&python, trial, &mut measured) {
        measured.violation(error);
    }
    Outcome::Measured(measured)
}

fn compare(python: &Path, trial: Trial, measured: &mut Measured) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let files: Vec<Generated> = gguf::files().chain(safetensors::files()).collect();
    for (name, bytes) in &files {
        let path = folder.path().join(name);
        if path.exists() {
            return Err(format!("two files are named {name}"));
        }
        fs::write(path, bytes).map_err(|error| error.to_string())?;
    }
    let theirs = read_by_packages(python, folder.path())?;
    // Content that is not recognised is a warning unless a caller asks to refuse it, as the packages do.
    let how = match trial.sabotage {
        Sabotage::NoChecks => ContentCheck::Skip,
        _ => ContentCheck::RefuseUnrecognised,
    };
    let (mut accepted, mut differing) = (0, 0);
    let mut used = vec![false; DIFFERENCES.len()];
    for (name, _) in &files {
        let model = LocalModel::resolve(&folder.path().join(name));
        let ours = model.and_then(|model| model.check_content(how, &|| Ok(())));
        let their_answer = *theirs
            .get(name)
            .ok_or_else(|| format!("{name} was not read"))?;
        accepted += usize::from(ours.is_ok());
        let difference = DIFFERENCES
            .iter()
            .position(|known| name.starts_with(known.name));
        match difference {
            Some(at) => {
                let known = &DIFFERENCES[at];
                used[at] = true;
                differing += 1;
                measured.check(ours.is_ok() == known.is_accepted && their_answer != known.is_accepted, || {
                    format!("{name}: {ours:?}, the package {their_answer}: no difference of this kind ({})", known.reason)
                });
            }
            None => measured.check(ours.is_ok() == their_answer, || {
                format!("{name}: {ours:?}, accepted by the package: {their_answer}")
            }),
        }
    }
    for (known, _) in DIFFERENCES.iter().zip(used).filter(|(_, used)| !used) {
        measured.violation(format!("no file shows the difference {}", known.name));
    }
    measured.at_least(FILES, "files", files.len());
    measured.count("accepted", accepted);
    measured.count("differences that are listed", differing);
    Ok(())
}

/// Returns whether the packages read each file of a folder.
fn read_by_packages(python: &Path, folder: &Path) -> Result<BTreeMap<String, bool>, String> {
    let script: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/read_formats.py");
    let output = Command::new(python)
        .arg(script)
        .arg(folder)
        .output()
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let lines = text.lines().filter_map(|line| line.rsplit_once(' '));
    Ok(lines
        .map(|(name, answer)| (name.to_owned(), answer == "accepted"))
        .collect())
}
