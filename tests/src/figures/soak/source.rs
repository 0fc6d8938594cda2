//! A web server whose models are replaced while daemons fetch them, and a daemon that fetches.

use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use catalog_core::{CatalogStore, FsCatalog, ModelRef};
use model_fetchers::HttpFetcher;
use model_provisioner::{Freshness, ModelProvisioner, ProvisionRequest};

use crate::figure::Sabotage;
use crate::state::described;
use crate::web::{Ending, Reply, WebServer};

/// The daemons that fetch the same models. The first one deletes them, too.
pub(super) const FETCHERS: [&str; 2] = ["fetcher-1", "fetcher-2"];

/// The number of models, and the bytes of each.
const MODELS: u64 = 3;
const SIZE: usize = 40_000;

fn path_of(model: u64) -> String {
    format!("/model-{}.bin", model % MODELS)
}

/// The bytes of a version of a model: the version, and a pattern that no other version has.
fn version(number: u64) -> Vec<u8> {
    let words = (0..SIZE as u64 / 8).map(|at| match at {
        0 => number,
        at => number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ at,
    });
    words.flat_map(u64::to_le_bytes).collect()
}

/// Whether these are all bytes of one version.
fn is_one_version(bytes: &[u8]) -> bool {
    let number = bytes.first_chunk().map(|first| u64::from_le_bytes(*first));
    number.is_some_and(|number| bytes == version(number))
}

/// A web server with models.
pub(super) struct Source {
    server: WebServer,
    /// Returns the path of each answer that was cut.
    cuts: Mutex<std::sync::mpsc::Receiver<String>>,
    /// Whether a replaced model keeps its entity tag.
    keeps_tags: bool,
}

impl Source {
    pub(super) fn start(sabotage: Sabotage) -> Result<Self, String> {
        let server = WebServer::start("127.0.0.1").map_err(|error| error.to_string())?;
        for model in 0..MODELS {
            server.put(&path_of(model), version(model), Some("\"first\""));
        }
        let (sender, cuts) = channel();
        server.lie(move |number, request, reply| match number % 16 {
            0 | 3 | 6 | 9 | 12 => {
                // Without a receiver the figure is over.
                let _ = sender.send(request.path.clone());
                reply.broken_at_half()
            }
            // More than the time after which a connection counts as dead.
            5 => Reply {
                ending: Ending::Hang(Duration::from_secs(1)),
                ..reply.broken_at_half()
            },
            _ => reply,
        });
        Ok(Self {
            server,
            cuts: Mutex::new(cuts),
            keeps_tags: sabotage == Sabotage::SameTag,
        })
    }

    pub(super) fn url(&self) -> String {
        self.server.url("")
    }

    /// Replaces each model after an answer about it was cut, until the end. Returns the number of new versions.
    pub(super) fn replace(&self, is_over: &AtomicBool) -> u64 {
        let cuts = self.cuts.lock().expect("no thread panics with it");
        let mut replaced = 0;
        while !is_over.load(Ordering::Relaxed) {
            match cuts.recv_timeout(Duration::from_millis(100)) {
                Ok(path) => {
                    replaced += 1;
                    let tag = match self.keeps_tags {
                        true => "\"first\"".to_owned(),
                        false => format!("\"{replaced}\""),
                    };
                    let bytes = version(MODELS + replaced);
                    self.server.put(&path, bytes, Some(&tag));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        replaced
    }
}

/// Whether an error, with its sources, is one that such a server causes.
pub(super) fn is_of_source(error: &str) -> bool {
    ["fetch_unreachable", "fetch_source_changed"]
        .iter()
        .any(|code| {
            let is_shared =
                error.starts_with("failed_elsewhere") && error.contains(&format!("({code})"));
            is_shared || error.starts_with(code)
        })
}

/// Fetches a model, and checks that it is one version of the model while a lease holds it. Every third call asks the
/// server whether the model changed.
pub(super) fn fetch(
    catalog: &FsCatalog,
    fetcher: &HttpFetcher,
    url: &str,
    role: &str,
    number: u64,
) -> Result<(), String> {
    let text = |error: &catalog_core::CatalogError| described(error.code(), error);
    let model_ref = ModelRef::parse(&format!("{url}{}", path_of(number)));
    let mut request = ProvisionRequest::new(model_ref.map_err(|error| text(&error))?);
    if number.is_multiple_of(3) {
        request = request.freshness(Freshness::Revalidate);
    }
    let provisioner = ModelProvisioner::new(catalog, fetcher);
    let report = provisioner.provision(&request);
    let report = report.map_err(|error| described(error.code(), &error))?;
    let bytes = fs::read(&report.resolved.local_path);
    if !bytes.is_ok_and(|bytes| is_one_version(&bytes)) {
        return Err(format!("{} is no version of it", report.resolved.id));
    }
    let id = report.resolved.id.clone();
    drop(report);
    if role == FETCHERS[0] && number.is_multiple_of(2) {
        catalog.delete(&id).map_err(|error| text(&error))?;
    }
    Ok(())
}
