use tracing::field::Empty;

use super::event::{Event, EventKind};
use super::observer::Observer;

/// An observer that reports to `tracing`. Each call is a span `provision` with the field `id`. When
/// the call ends, the fields `bytes`, `duration_ms` and `outcome` are set. The parent of the span
/// is the current span of the caller, so logs show the fields of that span, such as the id of a
/// request, too.
#[derive(Debug, Clone, Copy, Default)]
pub struct Traced;

impl Observer for Traced {
    fn span(&self, id: &str) -> tracing::Span {
        tracing::info_span!(
            "provision",
            id,
            bytes = Empty,
            duration_ms = Empty,
            outcome = Empty
        )
    }

    fn on_event(&self, event: &Event) {
        let id = &*event.id;
        let span = tracing::Span::current();
        match &event.kind {
            EventKind::Planned { step } => tracing::debug!(id, ?step, "planned"),
            EventKind::Waiting { holder, progress } => tracing::debug!(
                id,
                holder,
                done = progress.done,
                total = progress.total,
                "waiting"
            ),
            EventKind::Fetching(progress) => {
                tracing::trace!(id, done = progress.done, total = progress.total, "fetching");
            }
            EventKind::Verifying(progress) => {
                tracing::trace!(
                    id,
                    done = progress.done,
                    total = progress.total,
                    "verifying"
                );
            }
            EventKind::Published { path } => {
                tracing::info!(id, path = %path.display(), "published");
            }
            EventKind::Registered => tracing::info!(id, "registered"),
            EventKind::Finished {
                provided,
                outcome,
                bytes,
                duration,
            } => {
                let duration_ms = milliseconds(*duration);
                span.record("bytes", bytes);
                span.record("duration_ms", duration_ms);
                span.record("outcome", tracing::field::debug(outcome));
                tracing::debug!(id, ?provided, ?outcome, bytes, duration_ms, "finished");
            }
            EventKind::Failed { code, duration } => {
                let duration_ms = milliseconds(*duration);
                span.record("duration_ms", duration_ms);
                span.record("outcome", code);
                tracing::warn!(id, code, duration_ms, "failed");
            }
        }
    }
}

fn milliseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
