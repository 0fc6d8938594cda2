use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};

use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;

use model_provisioner::{ModelProvisioner, Traced};

use crate::util::{Host, id_of, reference, sha256};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Log {
    type Writer = Self;
    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

/// The log of this process. All tests share it: the events that a subscriber of one thread sees depend
/// on the events of other threads before.
fn log() -> &'static Log {
    static LOG: OnceLock<Log> = OnceLock::new();
    LOG.get_or_init(|| {
        let log = Log::default();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(log.clone())
            .with_ansi(false)
            .with_span_events(FmtSpan::CLOSE)
            .finish();
        tracing::subscriber::set_global_default(subscriber).unwrap();
        log
    })
}

/// The warnings about one model.
fn warnings_about(id: &str) -> Vec<String> {
    let mut lines = lines_about(id);
    lines.retain(|line| line.contains("WARN"));
    lines
}

/// The lines about one model, of which there is one only in this test.
fn lines_about(id: &str) -> Vec<String> {
    let bytes = log().0.lock().unwrap().clone();
    let text = String::from_utf8(bytes).unwrap();
    let lines = text.lines().filter(|line| line.contains(id));
    lines.map(str::to_owned).collect()
}

/// PROV-105, ORCH-3703
#[test]
fn without_a_digest_a_warning_says_that_the_artifact_is_unverified() {
    log();
    let host = Host::new();
    let ensure = |path: &Path, digest| {
        host.provisioner
            .ensure_present(&reference(path), digest)
            .unwrap();
    };
    let without = host.model("without.gguf", "weights");
    ensure(&without, None);
    ensure(&without, None);
    let lines = warnings_about(&id_of(&without));
    assert_eq!(lines.len(), 1, "once for each process: {lines:?}");
    assert!(
        lines[0].contains("WARN") && lines[0].contains("unverified"),
        "{lines:?}"
    );

    let with = host.model("with.gguf", "weights");
    ensure(&with, Some(sha256(&with)));
    ensure(&with, None);
    assert_eq!(
        warnings_about(&id_of(&with)),
        [""; 0],
        "given once, it is pinned"
    );
}

/// PROV-204
#[test]
fn a_traced_call_is_a_span_below_that_of_its_caller() {
    log();
    let host = Host::new();
    let path = host.model("traced.gguf", "weights");
    let provisioner = ModelProvisioner::file_only(host.cache())
        .unwrap()
        .with_observer(Traced);
    let digest = format!("model_digest=\"{}\"", sha256(&path));
    tracing::info_span!("request", correlation = "c-4711").in_scope(|| {
        provisioner
            .ensure_present(&reference(&path), Some(sha256(&path)))
            .unwrap();
        std::fs::write(&path, "changed").unwrap();
        provisioner
            .ensure_present(&reference(&path), None)
            .unwrap_err();
    });
    let lines = lines_about(&id_of(&path));
    let spans: Vec<&String> = lines.iter().filter(|line| line.contains("close")).collect();
    let ends = [
        ["outcome=\"pass\"", "staged_bytes=0", digest.as_str()],
        ["outcome=\"digest_mismatch\"", "", ""],
    ];
    for (line, fields) in spans.iter().zip(&ends) {
        assert!(
            line.contains("request{correlation=\"c-4711\"}:provision{"),
            "{line}"
        );
        for field in ["id=", "duration_ms="].iter().chain(fields) {
            assert!(line.contains(field), "{line} has {field}");
        }
    }
    let closing = |word: &str| lines.iter().find(|line| line.contains(word));
    for (word, fields) in [(" finished", &ends[0]), (" failed", &ends[1])] {
        let line = closing(word).unwrap_or_else(|| panic!("{word}: {lines:?}"));
        for field in ["duration_ms="].iter().chain(fields) {
            assert!(line.contains(field), "{line} has {field}");
        }
    }
    assert_eq!(spans.len(), 2, "{lines:?}");
    let registered = lines.iter().find(|line| line.contains("registered"));
    assert!(registered.unwrap().contains("c-4711"), "{lines:?}");
}
