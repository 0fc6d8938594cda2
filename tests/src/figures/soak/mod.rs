//! Daemons of three accounts that share a root and are killed at random, on a disk that fills and empties,
//! while backups by links are made. Every acknowledged write is there afterwards, and no call fails but for
//! want of space. Two of them fetch from a web server that cuts, stalls and replaces its models: no file is a mixture
//! of versions.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use catalog_core::maintenance::Verify;
use catalog_core::{
    CatalogStore, EngineStore, FsCatalog, FsEngineStore, StoreOptions, VerificationOutcomeKind,
};

use self::daemon::{BUILDER, COLLECTOR, IMPORTER, POOL, WRITERS, failed_file, refused_file};
use self::host::Host;
use self::source::FETCHERS;
use super::contention::increment;
use crate::figure::{Extent, Measured, Outcome, Sabotage, Trial};
use crate::state::write_and_look_for_leftovers;

mod daemon;
mod host;
mod source;

pub use daemon::run_daemon;

pub(super) fn measure(trial: Trial) -> Outcome {
    let time = match trial.extent {
        Extent::Quick => Duration::from_secs(5),
        Extent::Full => Duration::from_secs(60),
    };
    let host = match Host::new(trial.sabotage) {
        Ok(host) => host,
        Err(reason) => return Outcome::Skipped(reason),
    };
    let mut measured = Measured::of(trial);
    let is_sabotaged = trial.sabotage == Sabotage::UndoneWrite;
    let is_over = AtomicBool::new(false);
    let (full, (backups, changed), replaced) = std::thread::scope(|scope| {
        let filling = scope.spawn(|| host.fill_and_empty(&is_over));
        let backing_up = scope.spawn(|| host.back_up(&is_over));
        let replacing = scope.spawn(|| host.source.replace(&is_over));
        if let Err(error) = run_and_kill(&host, time, is_sabotaged, &mut measured) {
            measured.violation(error);
        }
        is_over.store(true, Ordering::Relaxed);
        (
            filling.join().unwrap_or_default(),
            backing_up.join().unwrap_or_default(),
            replacing.join().unwrap_or_default(),
        )
    });
    for path in changed {
        measured.violation(format!("{path} changed in a backup"));
    }
    if is_sabotaged && let Err(error) = undo_a_write(&host) {
        measured.violation(error);
    }
    look_at_the_end(&host, &mut measured);
    count_fetches(&host, replaced, &mut measured);
    match host.lacks() {
        None => {
            measured.count("accounts", 3);
            measured.count("times the disk was full", full);
            measured.check(full > 0, || "the disk was never full".to_owned());
        }
        Some(reason) => measured.count("skipped", format!("1 [accounts and disk: {reason}]")),
    }
    measured.count("backups", backups);
    measured.check(backups > 0, || "there was no backup".to_owned());
    Outcome::Measured(measured)
}

/// Runs the daemons for a time, and kills and starts them at random.
fn run_and_kill(
    host: &Host,
    time: Duration,
    is_sabotaged: bool,
    measured: &mut Measured,
) -> Result<(), String> {
    let roles = [
        WRITERS[0],
        WRITERS[1],
        "reader",
        IMPORTER,
        COLLECTOR,
        POOL,
        BUILDER,
        FETCHERS[0],
        FETCHERS[1],
    ];
    let mut daemons = Vec::new();
    for (number, role) in roles.iter().enumerate() {
        daemons.push(host.start(number, role)?);
    }
    let mut kills = 0;
    let mut random = 20_261_121_u64;
    let begin = Instant::now();
    // A write that can be undone is enough for the sabotage.
    let is_written = || is_sabotaged && number_in(&host.answers(WRITERS[0])) > 0;
    while begin.elapsed() < time && !measured.is_hopeless() && !is_written() {
        // A linear congruence is random enough to hit any moment.
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        std::thread::sleep(Duration::from_millis(5 + (random >> 33) % 60));
        let victim = (random >> 40) as usize % roles.len();
        if let Ok(Some(status)) = daemons[victim].try_wait() {
            measured.violation(format!("{} ended by itself: {status}", roles[victim]));
        }
        drop(daemons[victim].kill());
        drop(daemons[victim].wait());
        kills += 1;
        daemons[victim] = host.start(victim, roles[victim])?;
    }
    for daemon in &mut daemons {
        drop(daemon.kill());
        drop(daemon.wait());
    }
    measured.count("kills", kills);
    Ok(())
}

/// Sets the number of a writer back to the one before that which it was told last.
fn undo_a_write(host: &Host) -> Result<(), String> {
    let text = |error: catalog_core::CatalogError| error.to_string();
    let patient = StoreOptions::default().lock_wait(Duration::from_secs(5));
    let catalog = FsCatalog::open(host.root(), patient).map_err(text)?;
    let entry = catalog.get(WRITERS[0]).map_err(text)?;
    let mut entry = entry.ok_or("the first writer wrote nothing")?;
    let told = number_in(&host.answers(WRITERS[0]));
    entry.last_verified_ms = Some(told.saturating_sub(1));
    catalog.put(&entry).map_err(text)
}

/// Compares what the daemons were told with what the root has.
fn look_at_the_end(host: &Host, measured: &mut Measured) {
    let root = host.root();
    let told = |role: &str| number_in(&host.answers(role));
    let patient = StoreOptions::default().lock_wait(Duration::from_secs(5));
    let mut acknowledged = 0;
    match FsCatalog::open(&root, patient) {
        Err(error) => measured.violation(error.to_string()),
        Ok(catalog) => {
            for writer in WRITERS {
                let told = told(writer);
                let entry = catalog.get(writer).ok().flatten();
                let found = entry.and_then(|entry| entry.last_verified_ms).unwrap_or(0);
                acknowledged += told;
                measured.check(found >= told, || {
                    format!("{writer} was told {told}, the catalog says {found}")
                });
            }
            check_managed(&catalog, measured);
            let (told, found) = (told(BUILDER), engines_built(&root).unwrap_or(0));
            measured.count("engines built", told);
            measured.check(found >= told && told > 0, || {
                format!("{BUILDER} was told {told}, the engines say {found}")
            });
            if let Err(error) = increment(&catalog, &["after"]) {
                measured.violation(format!("stuck: {error}"));
            }
        }
    }
    if let Err(error) = write_and_look_for_leftovers(&root) {
        measured.violation(error);
    }
    let (served, imports, collections) = (told(POOL), told(IMPORTER), told(COLLECTOR));
    measured.count("models served", served);
    measured.count("imports", imports);
    measured.count("collections", collections);
    measured.check(imports > 0 && collections > 0 && served > 0, || {
        "nothing was imported, collected or served".to_owned()
    });
    let reads = told("reader");
    measured.count("acknowledged writes", acknowledged);
    measured.count("reads", reads);
    measured.check(acknowledged > 0 && reads > 0, || {
        "nothing was done".to_owned()
    });
    let roles = WRITERS
        .into_iter()
        .chain([IMPORTER, COLLECTOR, POOL, BUILDER])
        .chain(FETCHERS);
    let refused = roles.map(|role| lines_of(&refused_file(&host.answers(role))));
    measured.count("calls refused for want of space", refused.sum::<usize>());
}

fn lines_of(path: &Path) -> usize {
    let texts = fs::read_to_string(path);
    texts.map_or(0, |texts| texts.lines().count())
}

/// Counts what the daemons fetched from a server that cuts, stalls and replaces.
fn count_fetches(host: &Host, replaced: u64, measured: &mut Measured) {
    let fetched = FETCHERS.map(|role| lines_of(&host.answers(role)));
    let failed = FETCHERS.map(|role| lines_of(&failed_file(&host.answers(role))));
    let fetched: usize = fetched.iter().sum();
    measured.count("models fetched", fetched);
    measured.count("models replaced meanwhile", replaced);
    let failed: usize = failed.iter().sum();
    measured.count("fetches failed because of the server", failed);
    measured.check(fetched > 0 && replaced > 0, || {
        "nothing was fetched or replaced".to_owned()
    });
}

/// Every registered managed model has the bytes of its digest.
fn check_managed(catalog: &FsCatalog, measured: &mut Measured) {
    for entry in catalog.list().unwrap_or_default() {
        if ["hf:", "http:", IMPORTER]
            .iter()
            .any(|begin| entry.id.starts_with(begin))
        {
            let found = catalog.verify(&entry.id, Verify::Full, &mut |_| Ok(()));
            let is_right =
                found.is_ok_and(|found| found.outcome.kind == VerificationOutcomeKind::Pass);
            measured.check(is_right, || format!("{} has a wrong digest", entry.id));
        }
    }
}

/// The number of the last engine that was registered.
fn engines_built(root: &Path) -> Option<u64> {
    let entry = FsEngineStore::new(root).ok()?.get(BUILDER).ok()??;
    entry.version.parse().ok()
}

/// The last number in a file of answers.
fn number_in(path: &Path) -> u64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines()
        .next_back()
        .and_then(|line| line.parse().ok())
        .unwrap_or(0)
}
