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
mod one_bad;
mod power_cut;
mod roots;
mod secret_texts;
mod secrets;
mod single_flight;
mod soak;
mod tiny_disk;
mod warm;

use crate::figure::Figure;

pub use bounds::run_reader;
pub use collect_race::run_racer;
pub use contention::run_contender;
pub use deadline::run_lock_holder;
pub use herd::{run_poller, run_threads};
pub use hub::run_provision;
pub use latency::run_latency_writer;
pub use secrets::run_secrets;
pub use single_flight::{run_caller, run_dying_caller, run_sharing_caller};
pub use soak::run_daemon;
pub use warm::run_warm;

/// All figures, in the order of the scoreboard.
pub const ALL: [Figure; 28] = [
    Figure {
        name: "crash-states",
        measure: crash_states::measure,
        is_timed: false,
    },
    Figure {
        name: "kill-points",
        measure: kill_points::measure,
        is_timed: false,
    },
    Figure {
        name: "errno-matrix",
        measure: errno_matrix::measure,
        is_timed: false,
    },
    Figure {
        name: "power-cut",
        measure: power_cut::measure,
        is_timed: false,
    },
    Figure {
        name: "contention",
        measure: contention::measure,
        is_timed: false,
    },
    Figure {
        name: "soak",
        measure: soak::measure,
        is_timed: false,
    },
    Figure {
        name: "collect-race",
        measure: collect_race::measure,
        is_timed: false,
    },
    Figure {
        name: "single-flight",
        measure: single_flight::measure,
        is_timed: false,
    },
    Figure {
        name: "warm",
        measure: warm::measure,
        is_timed: false,
    },
    Figure {
        name: "latency",
        measure: latency::measure,
        is_timed: true,
    },
    Figure {
        name: "growth",
        measure: growth::measure,
        is_timed: true,
    },
    Figure {
        name: "herd",
        measure: herd::measure,
        is_timed: true,
    },
    Figure {
        name: "deadline",
        measure: deadline::measure,
        is_timed: false,
    },
    Figure {
        name: "secrets",
        measure: secrets::measure,
        is_timed: false,
    },
    Figure {
        name: "hub",
        measure: hub::measure,
        is_timed: false,
    },
    Figure {
        name: "hostile",
        measure: hostile::measure,
        is_timed: false,
    },
    Figure {
        name: "bounds",
        measure: bounds::measure,
        is_timed: false,
    },
    Figure {
        name: "formats",
        measure: formats::measure,
        is_timed: false,
    },
    Figure {
        name: "bit-rot",
        measure: bit_rot::measure,
        is_timed: false,
    },
    Figure {
        name: "tiny-disk",
        measure: tiny_disk::measure,
        is_timed: false,
    },
    Figure {
        name: "roots",
        measure: roots::measure,
        is_timed: false,
    },
    Figure {
        name: "accounts",
        measure: accounts::measure,
        is_timed: false,
    },
    Figure {
        name: "full-disk",
        measure: full_disk::measure,
        is_timed: false,
    },
    Figure {
        name: "media",
        measure: media::measure,
        is_timed: false,
    },
    Figure {
        name: "lost-files",
        measure: lost_files::measure,
        is_timed: false,
    },
    Figure {
        name: "one-bad",
        measure: one_bad::measure,
        is_timed: false,
    },
    Figure {
        name: "clocks",
        measure: clocks::measure,
        is_timed: false,
    },
    Figure {
        name: "compat",
        measure: compat::measure,
        is_timed: false,
    },
];
