use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Returns the time of the wall clock in milliseconds since 1970, or 0 for an earlier time.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

/// A point in time that can be compared with a later one even if the wall clock jumps, because it
/// also has the uptime of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Moment {
    wall_ms: u64,
    /// The id of this boot of the kernel, if the kernel states it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    boot: Option<String>,
    #[serde(default)]
    uptime_ms: u64,
}

impl Moment {
    pub(crate) fn now() -> Self {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id");
        let uptime = fs::read_to_string("/proc/uptime");
        let uptime_ms = uptime.ok().and_then(|text| {
            let seconds: f64 = text.split(' ').next()?.parse().ok()?;
            Some((seconds * 1000.0) as u64)
        });
        Self {
            wall_ms: now_ms(),
            boot: boot.ok().map(|text| text.trim().to_owned()),
            uptime_ms: uptime_ms.unwrap_or(0),
        }
    }

    /// Returns a lower bound of the time since `earlier`: the difference of the wall clocks, but at
    /// most the time that the host has certainly been up since then. So a clock that jumps ahead
    /// makes nothing old.
    pub(crate) fn at_least_since(&self, earlier: &Self) -> Duration {
        let wall = self.wall_ms.saturating_sub(earlier.wall_ms);
        let up = match (&self.boot, &earlier.boot) {
            (None, _) => wall,
            (now, then) if now == then => self.uptime_ms.saturating_sub(earlier.uptime_ms),
            _ => self.uptime_ms,
        };
        Duration::from_millis(wall.min(up))
    }

    /// Returns true if both are from the same boot of the kernel.
    pub(crate) fn is_same_boot(&self, other: &Self) -> bool {
        self.boot == other.boot
    }
}
