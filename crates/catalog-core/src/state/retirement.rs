use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::root::Moment;

/// The time since which a model is retired, in a form that a jump of the clock does not make older.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Retirement {
    since: Moment,
    /// The time for which it had been retired by then, in milliseconds.
    #[serde(default)]
    before_ms: u64,
}

impl Retirement {
    pub(crate) fn begin() -> Self {
        Self {
            since: Moment::now(),
            before_ms: 0,
        }
    }

    /// Returns the least time for which it has been retired.
    pub(crate) fn at_least(&self, now: &Moment) -> Duration {
        Duration::from_millis(self.before_ms) + now.at_least_since(&self.since)
    }

    /// The same, counted from now on, if it was counted from an earlier run of the kernel: only the
    /// time that a kernel has been running is certain.
    pub(crate) fn counted_anew(&self, now: &Moment) -> Option<Self> {
        let before = self.at_least(now).as_millis();
        (!now.is_same_boot(&self.since)).then(|| Self {
            since: now.clone(),
            before_ms: u64::try_from(before).unwrap_or(u64::MAX),
        })
    }
}
