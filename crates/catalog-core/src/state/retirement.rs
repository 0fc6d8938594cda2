use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::root::Moment;

/// The time since which a model is retired, in a form to which a jump of the clock adds no age.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Retirement {
    since: Moment,
    /// The time for which the model had been retired at `since`, in milliseconds.
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

    /// Returns the minimum time for which the model has been retired.
    pub(crate) fn at_least(&self, now: &Moment) -> Duration {
        Duration::from_millis(self.before_ms) + now.at_least_since(&self.since)
    }

    /// Returns the same retirement, counted from now, if it was counted before the last boot of the
    /// host. Only time in which a kernel runs can be measured for certain.
    pub(crate) fn counted_anew(&self, now: &Moment) -> Option<Self> {
        let before = self.at_least(now).as_millis();
        (!now.is_same_boot(&self.since)).then(|| Self {
            since: now.clone(),
            before_ms: u64::try_from(before).unwrap_or(u64::MAX),
        })
    }
}
