//! Many processes with many threads ask for one model at once. One of them, which may be the fetching
//! one, is killed in the middle.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use catalog_core::FsCatalog;
use model_provisioner::ModelProvisioner;

use crate::figure::Sabotage;
use crate::state::write_and_look_for_leftovers;
use crate::strace::program_with;
use crate::toy::{ToyFetcher, log_of};

use super::{MODEL, PROCESSES, THREADS, content};

/// Returns the number of callers that were answered.
pub(super) fn race(victim: usize, sabotage: Sabotage) -> Result<usize, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let (root, log) = (folder.path().join("root"), folder.path().join("log"));
    FsCatalog::new(&root).map_err(|error| error.to_string())?;
    let answers = |number: usize| folder.path().join(format!("answers-{number}"));
    let start = |number: usize| {
        program_with(sabotage)
            .arg("--fly")
            .args([&root, &log, &answers(number)])
            .spawn()
            .map_err(|error| error.to_string())
    };
    let mut processes: Vec<Child> = (0..PROCESSES).map(start).collect::<Result<_, _>>()?;

    let begin = Instant::now();
    let fetcher = loop {
        if let Some((_, process)) = log_of(&log).first() {
            break *process;
        }
        if begin.elapsed() > Duration::from_secs(60) {
            return Err("nobody began".to_owned());
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    let is_victim = |process: &Child| match victim {
        0 => process.id() == fetcher,
        1 => process.id() != fetcher,
        _ => false,
    };
    let killed = processes.iter().position(is_victim);
    if let Some(killed) = killed {
        drop(processes[killed].kill());
    }
    let mut failed = None;
    for (number, process) in processes.iter_mut().enumerate() {
        let status = process.wait().map_err(|error| error.to_string())?;
        if !status.success() && Some(number) != killed {
            failed = failed.or(Some(format!("process {number}: {status}")));
        }
    }
    // Once nobody works below the root any more.
    if let Some(failed) = failed {
        return Err(failed);
    }

    let mut paths: BTreeSet<PathBuf> = BTreeSet::new();
    let mut answered = 0;
    for number in (0..PROCESSES).filter(|number| Some(*number) != killed) {
        let text = fs::read_to_string(answers(number)).unwrap_or_default();
        let given: Vec<&str> = text.lines().collect();
        if given.len() != THREADS {
            return Err(format!("process {number} was told {given:?}"));
        }
        answered += given.len();
        paths.extend(given.into_iter().map(PathBuf::from));
    }
    let events = log_of(&log);
    // Who was killed may have fetched all of it, and registered it or not.
    let is_counted = |process: u32| victim != 0 || process != fetcher;
    let count = |word: &str| {
        let counted = events.iter().filter(|(_, process)| is_counted(*process));
        counted.filter(|(found, _)| found == word).count()
    };
    let has_ended = events.contains(&("end".to_owned(), fetcher));
    let fetches = (count("begin"), count("end"));
    let is_one = fetches == (1, 1) || (victim == 0 && has_ended && fetches == (0, 0));
    if !is_one || paths.len() != 1 {
        return Err(format!("{events:?}, paths {paths:?}"));
    }
    check(&root, &paths)?;
    write_and_look_for_leftovers(&root)?;
    Ok(answered)
}

fn check(root: &Path, paths: &BTreeSet<PathBuf>) -> Result<(), String> {
    let is_right = |path: &PathBuf| fs::read(path).is_ok_and(|bytes| bytes == content());
    match paths
        .iter()
        .all(|path| path.starts_with(root) && is_right(path))
    {
        true => Ok(()),
        false => Err(format!("wrong bytes at {paths:?}")),
    }
}

/// A process that asks: `ROOT LOG ANSWERS`. Each thread has a provisioner of its own.
pub fn run_caller(arguments: &[String]) -> Result<(), String> {
    let [root, log, answers] = arguments else {
        return Err("ROOT LOG ANSWERS".to_owned());
    };
    let ask = || {
        let catalog = FsCatalog::new(root).map_err(|error| error.to_string())?;
        let fetcher = ToyFetcher::of(&content())
            .logging_to(Path::new(log))
            .resting(Duration::from_millis(20));
        let found = ModelProvisioner::new(catalog, fetcher).ensure_present_str(MODEL, None);
        let found = found.map_err(|error| format!("{}: {error}", error.code()))?;
        Ok(found.local_path.display().to_string())
    };
    let paths: Vec<Result<String, String>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(ask)).collect();
        let joined = threads.into_iter().map(|thread| thread.join());
        joined
            .map(|path| path.unwrap_or_else(|_| Err("a panic".to_owned())))
            .collect()
    });
    let paths: Vec<String> = paths.into_iter().collect::<Result<_, _>>()?;
    fs::write(answers, paths.join("\n")).map_err(|error| error.to_string())
}
