//! The figures clean up after themselves.

use std::fs;
use std::process::Command;

/// CAT-711
#[test]
fn figures_leave_nothing_in_the_temporary_folder() {
    let folder = tempfile::tempdir().unwrap();
    for figure in ["bit-rot", "contention", "roots", "clocks", "compat"] {
        let output = Command::new(env!("CARGO_BIN_EXE_scoreboard"))
            .args(["--quick", figure])
            .env("TMPDIR", folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let left = fs::read_dir(folder.path()).unwrap().flatten();
        let left: Vec<_> = left.map(|entry| entry.file_name()).collect();
        assert!(left.is_empty(), "{figure} left {left:?}");
    }
}
