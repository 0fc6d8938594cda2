use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// The wall clock, in milliseconds since 1970; 0 before.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

/// A point in time that can be compared with later ones although the wall clock may jump: it also
/// holds the uptime of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Moment {
    wall_ms: u64,
    /// The run of the kernel and its uptime, if the kernel states them.
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

    /// Returns the least time since `earlier`: the time by the wall clock, but no longer than the
    /// host has certainly been up since. So a clock that jumps ahead makes nothing old.
    pub(crate) fn at_least_since(&self, earlier: &Self) -> Duration {
        let wall = self.wall_ms.saturating_sub(earlier.wall_ms);
        let up = match (&self.boot, &earlier.boot) {
            (None, _) => wall,
            (now, then) if now == then => self.uptime_ms.saturating_sub(earlier.uptime_ms),
            _ => self.uptime_ms,
        };
        Duration::from_millis(wall.min(up))
    }

    /// Returns true if both are of one run of the kernel.
    pub(crate) fn is_same_boot(&self, other: &Self) -> bool {
        self.boot == other.boot
    }
}
