use catalog_core::VerificationOutcomeKind;
use tracing::field::Empty;

use super::event::{Event, EventKind};
use super::observer::Observer;

/// Records calls with `tracing`.
///
/// Each call is a span `provision` with the field `id`. At its end, the span and the closing line have
/// `model_digest`, `staged_bytes`, `duration_ms` and `outcome`. The outcome is that of the verification,
/// or the code of the error. The parent of the span is the span of the caller, so its fields, such as
/// the id of a request, stand beside those of the call.
#[derive(Debug, Clone, Copy, Default)]
pub struct Traced;

impl Observer for Traced {
    fn span(&self, id: &str) -> tracing::Span {
        tracing::info_span!(
            "provision",
            id,
            model_digest = Empty,
            staged_bytes = Empty,
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
            EventKind::FetchingFile { name, progress } => {
                let (done, total) = (progress.done, progress.total);
                tracing::trace!(id, file = &**name, done, total, "fetching a file");
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
                digest,
                staged_bytes,
                duration,
            } => {
                let duration_ms = milliseconds(*duration);
                let model_digest = digest.as_ref().map(ToString::to_string);
                let outcome = match outcome {
                    VerificationOutcomeKind::Pass => "pass",
                    VerificationOutcomeKind::Warn => "warn",
                    VerificationOutcomeKind::Fail => "fail",
                };
                span.record("model_digest", &model_digest);
                span.record("staged_bytes", staged_bytes);
                span.record("duration_ms", duration_ms);
                span.record("outcome", outcome);
                tracing::info!(
                    id,
                    model_digest,
                    staged_bytes,
                    duration_ms,
                    outcome,
                    ?provided,
                    "finished"
                );
            }
            EventKind::Failed { code, duration } => {
                let duration_ms = milliseconds(*duration);
                span.record("duration_ms", duration_ms);
                span.record("outcome", code);
                tracing::warn!(id, duration_ms, outcome = code, "failed");
            }
        }
    }
}

fn milliseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
