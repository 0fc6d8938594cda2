//! The search for secrets in all that a process of flows left and said, and in the arguments of its processes.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::canaries::{CANARIES, REFERENCES};
use crate::figure::{Measured, Sabotage};
use crate::state::files_below;
use crate::strace::program;

/// Runs the flows with a command of the hub, and searches all that they leave for secrets. Returns the number of flows.
pub(super) fn try_flows(
    tool: &Path,
    sabotage: Sabotage,
    measured: &mut Measured,
) -> Result<usize, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let path = |name: &str| folder.path().join(name);
    for name in ["tmp", "home"] {
        fs::create_dir(path(name)).map_err(|error| error.to_string())?;
    }
    let mut process = Command::new(program())
        .arg("--secrets")
        .args([tool, &path("root"), &path("said")])
        .env("TMPDIR", path("tmp"))
        .env("HOME", path("home"))
        .env("HF_HOME", path("home"))
        .stderr(fs::File::create(path("stderr")).map_err(|error| error.to_string())?)
        .spawn()
        .map_err(|error| error.to_string())?;
    let mut arguments = Vec::new();
    let status = loop {
        arguments.extend(command_lines());
        match process.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) => std::thread::sleep(Duration::from_millis(2)),
            Err(error) => return Err(error.to_string()),
        }
    };
    if sabotage == Sabotage::Leak {
        let leaked = fs::write(path("tmp").join("leak"), REFERENCES[0]);
        leaked.map_err(|error| error.to_string())?;
    }
    let said = fs::read_to_string(path("said")).unwrap_or_default();
    if !status.success() {
        let stderr = fs::read_to_string(path("stderr")).unwrap_or_default();
        return Err(format!("{status}: {stderr}"));
    }
    let name = tool.file_name().unwrap_or_default().to_string_lossy();
    let is_seen = arguments
        .iter()
        .any(|line| line.windows(8).any(|word| word == b"download"));
    measured.check(is_seen, || format!("no arguments of {name} were seen"));
    fs::write(path("control"), CANARIES[3]).map_err(|error| error.to_string())?;

    let mut places: Vec<(String, Vec<u8>)> = arguments
        .into_iter()
        .map(|line| ("arguments".to_owned(), line))
        .collect();
    for file in files_below(folder.path()) {
        let bytes = fs::read(&file).unwrap_or_default();
        places.push((file.display().to_string(), bytes));
        // Names count as well.
        places.push(("a name".to_owned(), file.display().to_string().into_bytes()));
    }
    for canary in CANARIES {
        let found = places.iter().filter(|(_, bytes)| has(bytes, canary));
        let found: Vec<&String> = found.map(|(place, _)| place).collect();
        if canary == CANARIES[3] {
            measured.check(!found.is_empty(), || "the search finds nothing".to_owned());
        } else {
            measured.check(found.is_empty(), || {
                format!("{canary} with {name}: {found:?}")
            });
        }
    }
    Ok(said
        .lines()
        .filter(|line| line.starts_with("flow "))
        .count())
}

pub(super) fn has(bytes: &[u8], canary: &str) -> bool {
    bytes
        .windows(canary.len())
        .any(|part| part == canary.as_bytes())
}

/// The arguments of all processes.
fn command_lines() -> Vec<Vec<u8>> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|entry| fs::read(entry.path().join("cmdline")).ok())
        .filter(|line| !line.is_empty())
        .collect()
}
