//! Processes and threads that change one catalog at once: their own entries, and a shared one that
//! counts their changes.

use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use catalog_core::{CatalogEntry, CatalogStore, FsCatalog, LifecycleState};

use crate::figure::{Extent, Measured, Outcome, Sabotage, Trial};
use crate::strace::program_with;

/// How many processes, threads of each, and changes of each thread.
type Size = (usize, usize, usize);

pub(super) fn measure(trial: Trial) -> Outcome {
    let size = match trial.extent {
        Extent::Quick => (4, 4, 50),
        Extent::Full => (8, 4, 500),
    };
    if trial.sabotage != Sabotage::NoLocks {
        return Outcome::Measured(contend(size, trial.sabotage));
    }
    match crate::strace::missing() {
        Some(reason) => Outcome::Skipped(reason),
        None => Outcome::Measured(contend((4, 2, 20), trial.sabotage)),
    }
}

fn contend((processes, threads, changes): Size, sabotage: Sabotage) -> Measured {
    let mut measured = Measured::default();
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let root = folder.path().join("root");
    let catalog = FsCatalog::new(&root).expect("a catalog can be opened");
    let begin = Instant::now();
    let mut children: Vec<(Child, Option<Duration>)> = (0..processes)
        .map(|process| {
            let child = program_with(sabotage)
                .arg("--contend")
                .arg(&root)
                .args([process, threads, changes].map(|number| number.to_string()))
                .spawn();
            (child.expect("a process can be started"), None)
        })
        .collect();
    while children.iter().any(|(_, ended)| ended.is_none()) {
        for (child, ended) in children.iter_mut().filter(|(_, ended)| ended.is_none()) {
            if let Ok(Some(status)) = child.try_wait() {
                *ended = Some(begin.elapsed());
                measured.check(status.success(), || {
                    format!("a process ended with {status}")
                });
            }
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let times: Vec<f64> = children
        .iter()
        .filter_map(|(_, ended)| ended.map(|time| time.as_secs_f64()))
        .collect();
    let slowest = times.iter().copied().fold(0.0, f64::max);
    let fastest = times.iter().copied().fold(f64::INFINITY, f64::min);

    let total = processes * threads * changes;
    let found = count_of(&catalog, "shared");
    let mut lost = total.saturating_sub(found);
    for process in 0..processes {
        for thread in 0..threads {
            lost += changes.saturating_sub(count_of(&catalog, &format!("{process}/{thread}")));
        }
    }
    measured.count("updates", total);
    measured.count("lost", lost);
    measured.check(lost == 0, || {
        format!("{lost} acknowledged updates are lost")
    });
    measured.count(
        "slowest/fastest process",
        format!("{:.2}", slowest / fastest),
    );
    measured.check(slowest / fastest <= 5.0, || {
        "a process was starved".to_owned()
    });
    measured.count("updates/s", format!("{:.0}", total as f64 / slowest));
    measured
}

fn count_of(catalog: &FsCatalog, id: &str) -> usize {
    let entry = catalog.get(id).ok().flatten();
    let count = entry.and_then(|entry| entry.last_verified_ms).unwrap_or(0);
    usize::try_from(count).unwrap_or(usize::MAX)
}

fn counter(id: &str, count: u64) -> CatalogEntry {
    CatalogEntry {
        id: id.to_owned(),
        local_path: "model".into(),
        lifecycle: LifecycleState::Active,
        digest: None,
        last_verified_ms: Some(count),
    }
}

/// Adds one to an entry that counts.
pub(super) fn increment(catalog: &FsCatalog, ids: &[&str]) -> catalog_core::Result<u64> {
    catalog.update(|edit| {
        let mut last = 0;
        for id in ids {
            let entry = edit.get(id);
            last = entry.and_then(|entry| entry.last_verified_ms).unwrap_or(0) + 1;
            edit.put(&counter(id, last))?;
        }
        Ok(last)
    })
}

/// A contender: `ROOT PROCESS THREADS CHANGES`.
pub fn run_contender(arguments: &[String]) -> Result<(), String> {
    let [root, process, threads, changes] = arguments else {
        return Err("ROOT PROCESS THREADS CHANGES".to_owned());
    };
    let number = |text: &String| text.parse::<usize>().map_err(|error| error.to_string());
    let (threads, changes) = (number(threads)?, number(changes)?);
    let catalog = FsCatalog::new(Path::new(root)).map_err(|error| error.to_string())?;
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|thread| {
                let catalog = &catalog;
                scope.spawn(move || {
                    let own = format!("{process}/{thread}");
                    for _ in 0..changes {
                        increment(catalog, &["shared", &own]).map_err(|error| error.to_string())?;
                    }
                    Ok(())
                })
            })
            .collect();
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().unwrap_or(Err("a thread panicked".to_owned())))
    })
}
