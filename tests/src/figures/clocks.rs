//! Clocks before 1970, after 2106, and jumping: nothing of the indexes depends on them, no clock
//! makes a fresh change look old, and none makes a model look retired for long.

use std::process::Command;

use crate::figure::{Measured, Outcome, Sabotage, Trial};
use crate::state::{observe, write_and_look_for_leftovers};
use crate::steps::{Step, answers, states};
use crate::strace::{Site, missing, program};

const DATES: [&str; 5] = [
    "1960-01-01 00:00:00",
    "1970-01-01 00:00:01",
    "2040-01-01 00:00:00",
    "2106-02-08 00:00:00",
    "2026-01-01 00:00:00",
];

/// The date of the clock that runs ahead.
const AHEAD: &str = "2030-01-01 00:00:00";

pub(super) fn measure(trial: Trial) -> Outcome {
    if let Err(error) = Command::new("faketime").arg("--version").output() {
        return Outcome::Skipped(format!("faketime: {error}"));
    }
    if trial.sabotage == Sabotage::WallClock
        && let Some(reason) = missing()
    {
        return Outcome::Skipped(reason);
    }
    let mut measured = Measured::of(trial);
    // One root for all dates, so that the clock jumps under it, forwards and back.
    let site = Site::new();
    let workload = [
        Step::PutA,
        Step::PutEngine,
        Step::RetireA,
        Step::DeleteA,
        // Kept, though at the next date it seems to have been retired for years.
        Step::ImportN,
        Step::ImportM,
        Step::RetireM,
        Step::Collect,
        Step::ImportM,
        Step::SpoilM,
        Step::Collect,
    ];
    let expected = states(&workload).pop();
    let mut calls = 0;
    for date in DATES {
        drop(std::fs::remove_dir_all(site.answers()));
        drop(std::fs::create_dir(site.answers()));
        let is_done = run_at(Command::new("faketime"), &site, date, &workload);
        measured.check(is_done, || format!("{date}: it failed"));
        if trial.sabotage == Sabotage::WallClock {
            let is_done = run_at(without_uptime(), &site, AHEAD, &[Step::Collect]);
            measured.check(is_done, || format!("{AHEAD}: it failed"));
        }
        let answers = answers(&site.answers());
        calls += answers.len();
        let all_ok = answers.len() == workload.len()
            && answers.iter().all(|answer| answer.as_deref() == Some("ok"));
        measured.check(all_ok, || format!("{date}: {answers:?}"));
        match observe(&site.root()) {
            Ok(state) => measured.check(Some(&state) == expected.as_ref(), || {
                format!("{date}: found {state}")
            }),
            Err(error) => measured.violation(format!("{date}: {error}")),
        }
        if let Err(error) = write_and_look_for_leftovers(&site.root()) {
            measured.violation(format!("{date}: {error}"));
        }
        if measured.is_hopeless() {
            break;
        }
    }
    measured.count("dates", DATES.len());
    measured.count("calls", calls);
    Outcome::Measured(measured)
}

/// Runs a workload from this date on, and returns whether it ended well.
fn run_at(mut faketime: Command, site: &Site, date: &str, workload: &[Step]) -> bool {
    let status = faketime
        .args(["-f", &format!("@{date}")])
        .arg(program())
        .arg("--workload")
        .args([site.root(), site.answers()])
        .args(workload.iter().map(|step| format!("{step:?}")))
        .status();
    status.is_ok_and(|status| status.success())
}

/// A command that sets the clock of a process which cannot find out how long the host has been up.
fn without_uptime() -> Command {
    let mut command = Command::new("strace");
    command
        .args(["-f", "-qq", "-o", "/dev/null"])
        .args(["-P", "/proc/sys/kernel/random/boot_id"])
        .args(["-e", "inject=openat:error=ENOENT", "faketime"]);
    command
}
