//! The rules of the workspace as a whole.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod dependencies;
mod error_codes;
mod file_cycles;
mod layers;
mod leftovers;
mod net;
mod public_api;
mod reach;
mod readme;
mod removed_lock;
mod sabotage;
mod specs;

use std::fs;
use std::path::{Path, PathBuf};

/// The top of the workspace.
fn top() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests
        .parent()
        .expect("tests lie in the workspace")
        .to_path_buf()
}

fn read(path: impl AsRef<Path>) -> String {
    let path = top().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The Rust files below a folder of the workspace, sorted.
fn rust_files(folder: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![top().join(folder)];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}
