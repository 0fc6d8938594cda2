//! Every call that takes limits ends at its deadline, whoever holds whatever lock and then stops, and
//! however large the file is that it hashes.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use catalog_core::CatalogError;

use crate::figure::{Extent, Measured, Outcome, Sabotage, Trial};

mod calls;
mod hashing;
mod holder;

use calls::{CALLS, Call, Site};
use holder::Holder;
pub use holder::run_lock_holder;

/// The limit that calls are given, and when they have to have ended.
const LIMIT: Duration = Duration::from_secs(1);
const BOUND: Duration = Duration::from_millis(1_500);

/// After this long the lock is let go, so that a call without a limit ends, too.
const CAP: Duration = Duration::from_secs(3);

/// Calls that wait at the same time.
const AT_ONCE: usize = 16;

/// What somebody holds and then stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    IndexLock,
    ArtifactsLock,
    /// The manifest of the model that calls are about, exclusively.
    Manifest,
    ModelLock,
    /// The claim of a staging area.
    Claim,
}

impl Held {
    const ALL: [Self; 5] = [
        Self::IndexLock,
        Self::ArtifactsLock,
        Self::Manifest,
        Self::ModelLock,
        Self::Claim,
    ];

    /// As it is told to the process that holds it.
    fn word(self) -> &'static str {
        match self {
            Self::IndexLock => "locks/index.lock",
            Self::ArtifactsLock => "locks/artifacts.lock",
            Self::Manifest => "manifest",
            Self::ModelLock => "model",
            Self::Claim => "claim",
        }
    }
}

pub(super) fn measure(trial: Trial) -> Outcome {
    let held = match (trial.sabotage, trial.extent) {
        (Sabotage::NoLimits, _) => &Held::ALL[..1],
        (_, Extent::Quick) => &Held::ALL[..3],
        (_, Extent::Full) => &Held::ALL[..],
    };
    let cases: Vec<(Held, &Call)> = held
        .iter()
        .flat_map(|held| CALLS.iter().map(move |call| (*held, call)))
        .collect();
    let mut measured = Measured::of(trial);
    let slowest = Mutex::new(Duration::ZERO);
    for some in cases.chunks(AT_ONCE) {
        if measured.is_hopeless() {
            break;
        }
        // Made before any clock runs: that takes processors and disks.
        let sites: Result<Vec<(Site, Holder)>, String> = some
            .iter()
            .map(|(held, _)| {
                let site = Site::new()?;
                let holder = Holder::start(&site, *held)?;
                Ok((site, holder))
            })
            .collect();
        let sites = match sites {
            Ok(sites) => sites,
            Err(error) => {
                measured.violation(error);
                continue;
            }
        };
        let ended: Vec<Result<Duration, String>> = std::thread::scope(|scope| {
            let threads: Vec<_> = some
                .iter()
                .zip(sites)
                .map(|((_, call), (site, holder))| {
                    scope.spawn(move || time(call, &site, holder, trial.sabotage))
                })
                .collect();
            let ended = threads.into_iter().map(|thread| thread.join());
            ended
                .map(|ended| ended.unwrap_or(Err("it panicked".to_owned())))
                .collect()
        });
        for ((held, call), ended) in some.iter().zip(ended) {
            note(
                &format!("{} beside {held:?}", call.name),
                ended,
                &slowest,
                &mut measured,
            );
        }
    }
    measured.count("calls beside a stopped holder", cases.len());
    if trial.sabotage != Sabotage::NoLimits {
        let hashed = hashing::all();
        measured.count("calls that hash 64 GiB", hashed.len());
        for (what, ended) in hashed {
            note(&what, ended, &slowest, &mut measured);
        }
    }
    let slowest = slowest.into_inner().unwrap_or_default();
    measured.count("s the slowest", format!("{:.2}", slowest.as_secs_f64()));
    Outcome::Measured(measured)
}

fn note(
    what: &str,
    ended: Result<Duration, String>,
    slowest: &Mutex<Duration>,
    measured: &mut Measured,
) {
    match ended {
        Ok(took) => {
            if let Ok(mut slowest) = slowest.lock() {
                *slowest = took.max(*slowest);
            }
            measured.check(took <= BOUND, || {
                format!("{what}: ended after {:.2} s", took.as_secs_f64())
            });
        }
        Err(error) => measured.violation(format!("{what}: {error}")),
    }
}

/// How long a call takes while somebody holds a lock.
fn time(call: &Call, site: &Site, holder: Holder, sabotage: Sabotage) -> Result<Duration, String> {
    let limited = match sabotage {
        Sabotage::NoLimits => site.unlimited(),
        _ => Ok(site.within(LIMIT)),
    };
    let handles = limited.map_err(|error| error.to_string())?;
    let release = holder.release_after(CAP);
    let begin = Instant::now();
    let outcome = (call.make)(&handles, site);
    let took = begin.elapsed();
    drop(release);
    match outcome {
        // Any typed answer is one; what cannot be is that the call was asked for nonsense.
        Err(error @ (CatalogError::InvalidEntry { .. } | CatalogError::NotFound { .. })) => {
            Err(format!("it could not be tried: {error}"))
        }
        _ => Ok(took),
    }
}
