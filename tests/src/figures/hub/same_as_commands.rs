//! The fetcher of this project beside the commands of the hub.

use std::fs;
use std::path::Path;

use super::bench::{Bench, Client, same, tools};
use super::references::names_below;
use crate::figure::{Measured, Sabotage};

/// Fetches a repository with each command of the hub and with the fetcher of this project: both have
/// the same id, names and bytes.
pub(super) fn compare_with_commands(measured: &mut Measured) {
    let tools = match tools() {
        Ok(tools) => tools,
        Err(reason) => {
            measured.count("comparisons with commands, which are skipped:", reason);
            return;
        }
    };
    let mut compared = 0;
    for tool in tools {
        for reference in [
            "hf:org/repo",
            "hf:org/repo/tokenizer",
            "hf:org/repo/weights.bin",
        ] {
            match compare(Client::Command(tool.clone()), reference) {
                Ok(()) => compared += 1,
                Err(error) => {
                    measured.violation(format!("{reference} with {}: {error}", tool.display()))
                }
            }
        }
    }
    measured.count("references compared with commands", compared);
}

fn compare(command: Client, reference: &str) -> Result<(), String> {
    let mut found = Vec::new();
    for client in [command, Client::Native] {
        let bench = Bench::new(&client, Sabotage::Nothing)?;
        let report = bench.provision(reference)?;
        let path = report.resolved.local_path.clone();
        let files: Vec<_> = match path.is_dir() {
            true => names_below(&path)
                .into_iter()
                .map(|name| path.join(name))
                .collect(),
            false => vec![path.clone()],
        };
        let content: Vec<_> = files.iter().map(|file| fs::read(file).ok()).collect();
        let names: Vec<_> = files.iter().map(|file| relative(file, &path)).collect();
        found.push((
            report.resolved.id,
            report.digest,
            report.revision,
            names,
            content,
        ));
    }
    same(found[0] == found[1], true, "both have the same")
}

/// Returns the name of a file in a model.
fn relative(file: &Path, model: &Path) -> String {
    let name = file.strip_prefix(model).unwrap_or(file);
    match name.as_os_str().is_empty() {
        true => file
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        false => name.to_string_lossy().into_owned(),
    }
}
