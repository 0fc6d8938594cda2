//! The figures clean up after themselves.

use std::fs;
use std::process::Command;

/// CAT-711
#[test]
fn figures_leave_nothing_in_the_temporary_folder() {
    let folder = tempfile::tempdir().unwrap();
    let figures = ["bit-rot", "contention", "roots", "clocks", "compat"];
    let runs = ["--quick", "--sabotages"].map(|how| figures.map(|figure| [how, figure]));
    for run in runs.into_iter().flatten() {
        let output = Command::new(env!("CARGO_BIN_EXE_scoreboard"))
            .args(run)
            .env("TMPDIR", folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let left = fs::read_dir(folder.path()).unwrap().flatten();
        let left: Vec<_> = left.map(|entry| entry.file_name()).collect();
        assert!(left.is_empty(), "{run:?} left {left:?}");
    }
}
