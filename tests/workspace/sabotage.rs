//! The figures can fail: each part that is broken on purpose turns its figure red. The scoreboard of the
//! test command shows that the same figures are green undisturbed.

use std::process::Command;

/// Runs a figure with a part that is broken on purpose. Returns all that the figure printed, and whether the
/// figure was within bounds.
fn measure(figure: &str, sabotage: &str) -> (String, bool) {
    let output = Command::new(env!("CARGO_BIN_EXE_scoreboard"))
        .args(["--quick", figure, &format!("--sabotage={sabotage}")])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (text, output.status.success())
}

#[track_caller]
fn is_noticed(figure: &str, sabotages: &[&str]) {
    for sabotage in sabotages {
        let (text, is_good) = measure(figure, sabotage);
        // The scoreboard of the test command counts a skipped figure, with the reason.
        let is_skipped = text.starts_with(&format!("{figure}: skipped"));
        assert!(is_skipped || !is_good, "{sabotage} was not noticed: {text}");
    }
}

/// CAT-708
#[test]
fn crash_states_notices_a_missing_sync_and_a_wrong_order() {
    is_noticed(
        "crash-states",
        &["no-file-sync", "no-folder-sync", "rename-before-sync"],
    );
}

/// CAT-708
#[test]
fn contention_notices_missing_locks() {
    is_noticed("contention", &["no-locks"]);
}

/// CAT-708
#[test]
fn races_notice_missing_locks() {
    is_noticed("collect-race", &["no-locks"]);
    is_noticed("single-flight", &["no-locks"]);
}

/// CAT-708
#[test]
fn single_flight_notices_callers_that_find_no_call_before_them() {
    let (text, is_good) = measure("single-flight", "forget-calls");
    assert!(!is_good, "{text}");
    for violation in ["the source was called", "were fetched again"] {
        assert!(text.contains(violation), "{text}");
    }
}

/// CAT-708
#[test]
fn kill_points_and_errors_notice_answers_that_come_early() {
    is_noticed("kill-points", &["early-answers"]);
    is_noticed("errno-matrix", &["early-answers"]);
}

/// CAT-407, CAT-708
#[test]
fn accounts_notices_modes_that_the_umask_decides() {
    is_noticed("accounts", &["umask-decides"]);
}

/// CAT-489, CAT-492, CAT-708
#[test]
fn full_disk_notices_a_root_without_spare() {
    is_noticed("full-disk", &["no-spare"]);
}

/// CAT-467, CAT-708
#[test]
fn lost_files_notices_a_lost_neighbour() {
    is_noticed("lost-files", &["lost-neighbour"]);
}

/// CAT-490, CAT-491, CAT-708
#[test]
fn media_notices_a_file_system_that_is_another_one() {
    is_noticed("media", &["other-file-system"]);
}

/// CAT-708, CAT-888
#[test]
fn one_bad_notices_pins_that_stop_everything() {
    is_noticed("one-bad", &["bad-pins"]);
}

/// CAT-708, CAT-836
#[test]
fn formats_notices_content_that_is_not_checked() {
    is_noticed("formats", &["no-checks"]);
}

/// CAT-708, CAT-828
#[test]
fn bounds_notices_a_reader_of_whole_files() {
    is_noticed("bounds", &["whole-files"]);
}

/// CAT-708
#[test]
fn warm_notices_a_write() {
    is_noticed("warm", &["write-when-warm"]);
}

/// CAT-708
#[test]
fn secrets_notices_a_leak() {
    is_noticed("secrets", &["leak"]);
}

/// CAT-708
#[test]
fn power_cut_notices_missing_syncs() {
    is_noticed("power-cut", &["no-file-sync"]);
}

/// A busy machine fails a figure of times undisturbed, too: the violation itself must be the expected one.
#[track_caller]
fn is_named(figure: &str, sabotage: &str, violation: &str) {
    let (text, is_good) = measure(figure, sabotage);
    assert!(!is_good, "{sabotage} was not noticed: {text}");
    assert!(text.contains(violation), "{text}");
}

/// CAT-708
#[test]
fn latency_notices_readers_that_read_everything_again() {
    is_named(
        "latency",
        "fresh-handles",
        "the slowest get of a write takes",
    );
}

/// CAT-458, CAT-708
#[test]
fn herd_notices_a_process_with_few_handles_and_readers_that_read_everything_again() {
    is_named("herd", "few-handles", "too many files are open");
    is_named("herd", "fresh-handles", "polls");
}

/// CAT-708, CAT-853
#[test]
fn growth_notices_deletions_that_write_all_entries() {
    is_named("growth", "rewrite-before-delete", "delete outside costs");
}

/// CAT-708
#[test]
fn deadline_notices_calls_without_limits() {
    is_noticed("deadline", &["no-limits"]);
}
