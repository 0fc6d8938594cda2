//! Processes that look up entries of one catalog a thousand times a second each, beside a writer.

use std::io::{self, Write};
use std::process::Child;
use std::time::{Duration, Instant};

use catalog_core::{CatalogStore, FsCatalog};

use super::{lines_of, start};
use crate::figure::{Extent, Measured, Sabotage, Trial};
use crate::state::register_others;

const PROCESSES: usize = 64;
const ENTRIES: usize = 100;

/// The time between two polls of a process, and between two writes.
const POLL: Duration = Duration::from_millis(1);
const WRITE: Duration = Duration::from_millis(20);

pub(super) fn measure(trial: Trial, measured: &mut Measured) -> Result<(), String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let time = match trial.extent {
        Extent::Quick => Duration::from_secs(3),
        Extent::Full => Duration::from_secs(20),
    };
    let handles = match trial.sabotage {
        Sabotage::FreshHandles => "fresh",
        _ => "one",
    };
    let folder = tempfile::tempdir().map_err(|error| text(&error))?;
    let root = folder.path().join("root");
    let catalog = FsCatalog::new(&root).map_err(|error| text(&error))?;
    register_others(&catalog, ENTRIES).map_err(|error| text(&error))?;
    let root = root.display().to_string();
    let milliseconds = time.as_millis().to_string();
    let words = [root.as_str(), handles, &milliseconds];
    let start = |_| start("--poll", &words);
    let mut children: Vec<Child> = (0..PROCESSES)
        .map(start)
        .collect::<io::Result<_>>()
        .map_err(|error| text(&error))?;
    // Each begins once it reads a line, when all of them are there.
    for child in &mut children {
        let input = child.stdin.as_mut().ok_or("a process has no input")?;
        input.write_all(b"\n").map_err(|error| text(&error))?;
    }
    let entries = catalog.list().map_err(|error| text(&error))?;
    let begin = Instant::now();
    let (mut writes, mut slowest_write) = (0_u32, Duration::ZERO);
    while begin.elapsed() < time {
        let mut entry = entries[writes as usize % entries.len()].clone();
        entry.last_verified_ms = Some(u64::from(writes));
        let before = Instant::now();
        match catalog.put(&entry) {
            Ok(()) => writes += 1,
            Err(error) => measured.violation(format!("a write failed: {error}")),
        }
        slowest_write = slowest_write.max(before.elapsed());
        let next = begin + WRITE * writes;
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    let rate = f64::from(writes) / begin.elapsed().as_secs_f64();
    let (mut fewest, mut slowest) = (usize::MAX, Duration::ZERO);
    for child in children {
        for line in lines_of(child)? {
            let words: Vec<&str> = line.split(' ').collect();
            match words[..] {
                ["polls", polls, longest] => {
                    fewest = fewest.min(polls.parse().unwrap_or(0));
                    let longest = longest.parse().unwrap_or(u64::MAX);
                    slowest = slowest.max(Duration::from_micros(longest));
                }
                _ => measured.violation(format!("a process that polls: {line}")),
            }
        }
    }
    let wanted = (time.as_millis() / POLL.as_millis()) as usize;
    measured.count("processes that poll", PROCESSES);
    measured.count(
        &format!("of {wanted} polls at least by each process"),
        fewest,
    );
    measured.check(fewest * 2 >= wanted, || {
        format!("a process made only {fewest} of {wanted} polls")
    });
    measured.count("ms for the slowest poll", slowest.as_millis());
    measured.check(slowest <= Duration::from_secs(1), || {
        format!("a poll took {slowest:?}")
    });
    measured.count("writes/s beside them", format!("{rate:.1}"));
    measured.check(rate >= 40.0, || {
        format!("only {rate:.1} writes/s beside the processes that poll")
    });
    measured.count("ms for the slowest write", slowest_write.as_millis());
    measured.check(slowest_write <= Duration::from_secs(1), || {
        format!("a write took {slowest_write:?}")
    });
    Ok(())
}

/// A process that polls: `ROOT HANDLES MILLISECONDS`. It begins when it reads a line, and prints how many
/// polls it made, and the microseconds of the slowest one.
pub fn run_poller(arguments: &[String]) -> Result<(), String> {
    let [root, handles, time] = arguments else {
        return Err("ROOT HANDLES MILLISECONDS".to_owned());
    };
    let time = Duration::from_millis(time.parse().map_err(|_| "MILLISECONDS is a number")?);
    let open = || FsCatalog::new(root).map_err(|error| error.to_string());
    let mut catalog = open()?;
    let entries = catalog.list().map_err(|error| error.to_string())?;
    let mut line = String::new();
    io::stdin()
        .read_line(&mut line)
        .map_err(|error| error.to_string())?;
    let begin = Instant::now();
    let (mut polls, mut slowest) = (0_usize, Duration::ZERO);
    for number in 0_u32.. {
        let next = begin + POLL * number;
        let now = Instant::now();
        if now.duration_since(begin) >= time {
            break;
        }
        if next > now {
            std::thread::sleep(next - now);
        } else if now - next >= POLL {
            // Behind by a poll: that poll is not made.
            continue;
        }
        if handles == "fresh" {
            catalog = open()?;
        }
        let before = Instant::now();
        let found = catalog.get(&entries[number as usize % entries.len()].id);
        slowest = slowest.max(before.elapsed());
        match found {
            Ok(Some(_)) => polls += 1,
            other => return Err(format!("a poll found {other:?}")),
        }
    }
    let told = writeln!(io::stdout(), "polls {polls} {}", slowest.as_micros());
    told.map_err(|error| error.to_string())
}
