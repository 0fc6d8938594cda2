use std::io::Write;
use std::sync::{Arc, Mutex};

use tracing_subscriber::fmt::MakeWriter;

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

fn logged(work: impl FnOnce()) -> String {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(log.clone())
        .with_ansi(false)
        .finish();
    tracing::subscriber::with_default(subscriber, work);
    let bytes = log.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

/// ORCH-3703
#[test]
fn without_a_digest_a_warning_says_that_the_artifact_is_unverified() {
    let host = Host::new();
    let path = host.model("m.gguf", "weights");
    let ensure = |digest| {
        host.provisioner
            .ensure_present(&reference(&path), digest)
            .unwrap();
    };
    let log = logged(|| ensure(None));
    assert!(log.contains("WARN") && log.contains("unverified"), "{log}");
    assert!(log.contains(&id_of(&path)), "{log}");
    let log = logged(|| ensure(Some(sha256(&path))));
    assert!(!log.contains("unverified"), "{log}");
    let log = logged(|| ensure(None));
    assert!(!log.contains("unverified"), "it is pinned by now: {log}");
}
