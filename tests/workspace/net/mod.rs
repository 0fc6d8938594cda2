//! Models of web servers: the protocol on a server of the harness, and TLS and proxies on real ones.

mod connections;
mod http;
mod parts;
mod proofs;
mod proxies;
mod resuming;
mod retries;
mod texts;
mod tls;

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use catalog_core::{Digest, FsCatalog, Hasher, ModelRef};
use model_fetchers::NetworkConfig;
use model_provisioner::{
    Event, ModelProvisioner, ProvisionError, ProvisionReport, ProvisionRequest, SchemeRouter,
};
use workspace_tests::web::WebServer;

fn server() -> WebServer {
    WebServer::start("127.0.0.1").unwrap()
}

/// Returns settings with short pauses.
fn network() -> NetworkConfig {
    NetworkConfig::default().times(|times| {
        times.first_pause = Duration::from_millis(2);
        times.longest_pause = Duration::from_millis(10);
    })
}

fn provisioner(root: &Path, config: NetworkConfig) -> ModelProvisioner<FsCatalog, SchemeRouter> {
    ModelProvisioner::with_network(root, config).unwrap()
}

fn request(url: &str) -> ProvisionRequest {
    ProvisionRequest::new(ModelRef::parse(url).unwrap())
}

/// Returns a request that fails if the call does not end.
fn ending(url: &str) -> ProvisionRequest {
    request(url).timeout(Duration::from_secs(60))
}

/// Waits until no other test waits for parts that must be open at once. The files of all transfers
/// of a process share its window, so two such tests could wait for each other.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn provision(root: &Path, url: &str) -> Result<ProvisionReport, ProvisionError> {
    provisioner(root, network()).provision(&request(url))
}

/// Returns a command that fetches a model in a process of its own.
fn fetching(root: &Path, url: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scoreboard"));
    command.arg("--fetch").arg(root).arg(url);
    command
}

fn sha256(bytes: &[u8]) -> Digest {
    let mut hasher = Hasher::new();
    hasher.update(bytes);
    hasher.finish()
}

/// Returns bytes that differ from those of another seed.
fn bytes(seed: u8, size: usize) -> Arc<[u8]> {
    (0..size)
        .map(|at| (at % 251) as u8 ^ seed ^ (at >> 13) as u8)
        .collect()
}

/// An observer that keeps the events.
#[derive(Clone, Default)]
struct Events(Arc<Mutex<Vec<Event>>>);

impl Events {
    fn observer(&self) -> impl model_provisioner::Observer + 'static {
        let events = self.clone();
        move |event: &Event| events.0.lock().unwrap().push(event.clone())
    }
}
