//! One file a figure.

mod crash_states;
mod errno_matrix;
mod kill_points;

use crate::figure::Figure;

pub use crash_states::{Sabotage, crash_states_with};

/// All figures, in the order of the scoreboard.
pub const ALL: [Figure; 3] = [
    Figure {
        name: "crash-states",
        measure: crash_states::measure,
    },
    Figure {
        name: "kill-points",
        measure: kill_points::measure,
    },
    Figure {
        name: "errno-matrix",
        measure: errno_matrix::measure,
    },
];
