use std::time::Duration;

use super::config::Times;

/// The longest pause for which a server can ask. A longer one is a failure.
pub(crate) const MAX_PAUSE: Duration = Duration::from_secs(10 * 60);

/// Returns the pause after this number of failed attempts. `asked` is the pause for which the server
/// asks.
pub(crate) fn pause(times: &Times, failed: u32, asked: Option<Duration>) -> Duration {
    let doubled = times.first_pause.saturating_mul(1 << failed.min(16));
    jittered(doubled.min(times.longest_pause)).max(asked.unwrap_or_default())
}

/// The shortest pause whose reason is logged for users.
const LONG: Duration = Duration::from_secs(3);

/// Logs that a request is repeated after a pause. Users see a long pause.
pub(crate) fn note_pause(detail: &str, pause: Duration) {
    let seconds = pause.as_secs_f64();
    match pause >= LONG {
        true => tracing::warn!(detail, seconds, "a request is repeated after a pause"),
        false => tracing::debug!(detail, seconds, "a request is repeated after a pause"),
    }
}

/// Returns half of a pause, and a random part of the other half.
fn jittered(pause: Duration) -> Duration {
    use std::hash::{BuildHasher, RandomState};
    let random = RandomState::new().hash_one(0_u8) % 1024;
    pause / 2 + pause.mul_f64(random as f64 / 2048.0)
}
