//! The metrics of the daemon, in the text format of Prometheus.

use catalog_core::{CatalogEntry, LifecycleState, VerificationOutcomeKind};
use model_provisioner::{Event, EventKind};
use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder,
};

pub(crate) struct Metrics {
    registry: Registry,
    verifications: IntCounterVec,
    staged_bytes: IntCounter,
    durations: Histogram,
    models: IntGaugeVec,
}

impl Metrics {
    pub(crate) fn new() -> prometheus::Result<Self> {
        let metrics = Self {
            registry: Registry::new(),
            verifications: IntCounterVec::new(
                Opts::new(
                    "verifications_total",
                    "Verifications of models, by outcome.",
                ),
                &["outcome"],
            )?,
            staged_bytes: IntCounter::new(
                "staged_bytes_total",
                "Bytes that calls fetched or copied into the store.",
            )?,
            durations: Histogram::with_opts(HistogramOpts::new(
                "provision_duration_seconds",
                "Durations of calls that provision a model.",
            ))?,
            models: IntGaugeVec::new(
                Opts::new("catalog_models", "Models in the catalog, by state."),
                &["lifecycle"],
            )?,
        };
        metrics
            .registry
            .register(Box::new(metrics.verifications.clone()))?;
        metrics
            .registry
            .register(Box::new(metrics.staged_bytes.clone()))?;
        metrics
            .registry
            .register(Box::new(metrics.durations.clone()))?;
        metrics
            .registry
            .register(Box::new(metrics.models.clone()))?;
        for outcome in ["pass", "warn", "fail"] {
            metrics.verifications.with_label_values(&[outcome]);
        }
        Ok(metrics)
    }

    /// Counts the end of a call.
    pub(crate) fn count(&self, event: &Event) {
        match &event.kind {
            EventKind::Finished {
                outcome,
                staged_bytes,
                duration,
                ..
            } => {
                self.verified(match outcome {
                    VerificationOutcomeKind::Pass => "pass",
                    VerificationOutcomeKind::Warn => "warn",
                    VerificationOutcomeKind::Fail => "fail",
                });
                self.staged_bytes.inc_by(*staged_bytes);
                self.durations.observe(duration.as_secs_f64());
            }
            EventKind::Failed { code, duration, .. } => {
                // The other errors say nothing about the bytes.
                if matches!(*code, "digest_mismatch" | "unsound" | "format_refused") {
                    self.verified("fail");
                }
                self.durations.observe(duration.as_secs_f64());
            }
            _ => {}
        }
    }

    fn verified(&self, outcome: &str) {
        self.verifications.with_label_values(&[outcome]).inc();
    }

    /// Returns all metrics as text. The entries are those of the catalog now.
    pub(crate) fn text(&self, entries: &[CatalogEntry]) -> prometheus::Result<String> {
        for (state, label) in [
            (LifecycleState::Active, "active"),
            (LifecycleState::Retired, "retired"),
        ] {
            let count = entries
                .iter()
                .filter(|entry| entry.lifecycle == state)
                .count();
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.models.with_label_values(&[label]).set(count);
        }
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}
