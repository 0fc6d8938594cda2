//! One file a figure.

mod accounts;
mod bit_rot;
mod bounds;
mod clocks;
mod collect_race;
mod compat;
mod contention;
mod crash_states;
mod deadline;
mod errno_matrix;
mod formats;
mod full_disk;
mod growth;
mod herd;
mod hostile;
mod hub;
mod kill_points;
mod latency;
mod lost_files;
mod media;
mod net_faults;
mod one_bad;
mod policy_net;
mod power_cut;
mod redirects;
mod resume;
mod roots;
mod secrets;
mod single_flight;
mod soak;
mod tiny_disk;
mod warm;

use crate::figure::{Figure, Outcome, Proof, Sabotage, Trial};

pub use bounds::run_reader;
pub use collect_race::run_racer;
pub use contention::run_contender;
pub use deadline::run_lock_holder;
pub use herd::{run_poller, run_threads};
pub use hub::run_provision;
pub use latency::run_latency_writer;
pub use resume::run_fetcher;
pub use secrets::{run_secret_requests, run_secrets};
pub use single_flight::{run_caller, run_dying_caller, run_one_of_crowd, run_sharing_caller};
pub use soak::run_daemon;
pub use warm::run_warm;

/// A figure whose bounds are no times.
const fn figure(
    name: &'static str,
    measure: fn(Trial) -> Outcome,
    proofs: &'static [Proof],
) -> Figure {
    Figure {
        name,
        measure,
        is_timed: false,
        proofs,
    }
}

/// A figure whose bounds are times.
const fn timed(
    name: &'static str,
    measure: fn(Trial) -> Outcome,
    proofs: &'static [Proof],
) -> Figure {
    Figure {
        is_timed: true,
        ..figure(name, measure, proofs)
    }
}

/// A sabotage that violations with these texts show.
const fn proof(sabotage: Sabotage, violations: &'static [&'static str]) -> Proof {
    Proof {
        sabotage,
        violations,
    }
}

/// All figures, in the order of the scoreboard, with the faults that each must notice.
pub const ALL: [Figure; 33] = [
    figure(
        "crash-states",
        crash_states::measure,
        &[
            proof(Sabotage::NoFileSync, &["[Put", "[Fetch]"]),
            proof(Sabotage::NoFolderSync, &[]),
            proof(Sabotage::RenameBeforeSync, &[]),
        ],
    ),
    figure(
        "kill-points",
        kill_points::measure,
        &[proof(
            Sabotage::EarlyAnswers,
            &["calls returned, found", " of the thread "],
        )],
    ),
    figure(
        "errno-matrix",
        errno_matrix::measure,
        &[proof(
            Sabotage::EarlyAnswers,
            &[", found", " of the thread "],
        )],
    ),
    figure(
        "power-cut",
        power_cut::measure,
        &[proof(Sabotage::NoFileSync, &[])],
    ),
    figure(
        "contention",
        contention::measure,
        &[proof(Sabotage::NoLocks, &[])],
    ),
    figure(
        "soak",
        soak::measure,
        &[
            proof(Sabotage::UndoneWrite, &["was told"]),
            proof(Sabotage::SameTag, &["fetcher-"]),
        ],
    ),
    figure(
        "collect-race",
        collect_race::measure,
        &[proof(Sabotage::NoLocks, &[])],
    ),
    figure(
        "single-flight",
        single_flight::measure,
        &[
            proof(Sabotage::NoLocks, &[]),
            proof(
                Sabotage::ForgetCalls,
                &[
                    "the source was called",
                    "were fetched again",
                    "processes caused",
                ],
            ),
        ],
    ),
    figure(
        "warm",
        warm::measure,
        &[proof(Sabotage::WriteWhenWarm, &["openat("])],
    ),
    timed(
        "latency",
        latency::measure,
        &[proof(
            Sabotage::FreshHandles,
            &["the slowest get of a write takes"],
        )],
    ),
    timed(
        "growth",
        growth::measure,
        &[proof(
            Sabotage::RewriteBeforeDelete,
            &["delete outside costs"],
        )],
    ),
    timed(
        "herd",
        herd::measure,
        &[
            proof(Sabotage::FewHandles, &["too many files are open"]),
            proof(Sabotage::FreshHandles, &["polls"]),
        ],
    ),
    figure(
        "deadline",
        deadline::measure,
        &[proof(Sabotage::NoLimits, &["ended after"])],
    ),
    figure(
        "secrets",
        secrets::measure,
        &[
            proof(Sabotage::Leak, &["canarypassword2718 with"]),
            proof(
                Sabotage::TokenInTarget,
                &["canarypassword2718 reached the second server"],
            ),
        ],
    ),
    figure(
        "hub",
        hub::measure,
        &[proof(Sabotage::ChangedModel, &["the weights are right"])],
    ),
    figure(
        "hub-native",
        hub::measure_native,
        &[proof(Sabotage::ChangedModel, &["the weights are right"])],
    ),
    figure(
        "hostile",
        hostile::measure,
        &[proof(
            Sabotage::LostNeighbour,
            &["a file outside the root changed"],
        )],
    ),
    figure(
        "bounds",
        bounds::measure,
        &[proof(Sabotage::WholeFiles, &["MiB of memory to answer"])],
    ),
    figure(
        "formats",
        formats::measure,
        &[proof(
            Sabotage::NoChecks,
            &["accepted by the package: false"],
        )],
    ),
    figure(
        "net-faults",
        net_faults::measure,
        &[proof(Sabotage::SameTag, &["a wrong file"])],
    ),
    figure(
        "resume",
        resume::measure,
        &[proof(Sabotage::ForgetCalls, &["kills"])],
    ),
    figure(
        "redirects",
        redirects::measure,
        &[proof(Sabotage::TokenInTarget, &["the token"])],
    ),
    figure(
        "policy-net",
        policy_net::measure,
        &[proof(Sabotage::NoPolicy, &["was connected"])],
    ),
    figure(
        "bit-rot",
        bit_rot::measure,
        &[proof(Sabotage::LateChecksum, &["flipped was served"])],
    ),
    figure(
        "tiny-disk",
        tiny_disk::measure,
        &[proof(
            Sabotage::UndoneWrite,
            &["what was written on a full disk is not there"],
        )],
    ),
    figure(
        "roots",
        roots::measure,
        &[proof(
            Sabotage::FreshHandles,
            &["replaced under an open handle: reading and writing gave"],
        )],
    ),
    figure(
        "accounts",
        accounts::measure,
        &[proof(Sabotage::UmaskDecides, &[])],
    ),
    figure(
        "full-disk",
        full_disk::measure,
        &[proof(Sabotage::NoSpare, &[])],
    ),
    figure(
        "media",
        media::measure,
        &[proof(
            Sabotage::OtherFileSystem,
            &["mounted again, its proof holds"],
        )],
    ),
    figure(
        "lost-files",
        lost_files::measure,
        &[proof(Sabotage::LostNeighbour, &["is not whole"])],
    ),
    figure(
        "one-bad",
        one_bad::measure,
        &[proof(Sabotage::BadPins, &["beside"])],
    ),
    figure(
        "clocks",
        clocks::measure,
        &[proof(Sabotage::WallClock, &["found"])],
    ),
    figure(
        "compat",
        compat::measure,
        &[proof(Sabotage::LostFields, &["did not outlive a rewrite"])],
    ),
];
