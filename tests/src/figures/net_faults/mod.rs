//! Each lie of a server at each moment of a fetch.

mod hangs;
mod lies;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use catalog_core::{CatalogStore, Digest, FsCatalog, Hasher};
use model_fetchers::{HubConfig, NetworkConfig};
use model_provisioner::{ModelProvisioner, ProvisionError};

use crate::figure::{Extent, Measured, Outcome, Sabotage, Trial};
use crate::hub::{Faults, Hub, Repo, RepoFile};
use crate::web::WebServer;
use lies::{Content, LIES, Lie};

/// The size of the file. It is fetched in three parts or more.
const SIZE: usize = 20 << 20;

/// The time within which every call must end. A stall counts after half a second.
const MOST: Duration = Duration::from_secs(20);

/// The way to the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    /// A web address.
    Web,
    /// A web address and a digest of the caller.
    WebWithDigest,
    /// A hub that redirects to the server, and states the digest.
    Hub,
}

/// The file at a server, and the hub before the server, if there is one.
struct Site {
    path: String,
    reference: String,
    endpoint: String,
    _hub: Option<Hub>,
}

impl Site {
    fn new(door: Door, server: &WebServer, content: &Content) -> io::Result<Self> {
        if door != Door::Hub {
            return Ok(Self {
                path: "/model.bin".to_owned(),
                reference: server.url("/model.bin"),
                endpoint: server.url(""),
                _hub: None,
            });
        }
        let hub = Hub::start()?;
        let repo = Repo::default().with("model.bin", RepoFile::large(&*content.now));
        let path = format!("/org/repo/resolve/{}/model.bin", repo.commit());
        hub.put("org/repo", "main", repo);
        hub.fail(Faults {
            redirect_to: Some(server.url("")),
            ..Faults::default()
        });
        Ok(Self {
            path,
            reference: "hf:org/repo/model.bin".to_owned(),
            endpoint: hub.endpoint(),
            _hub: Some(hub),
        })
    }
}

/// The moment of a lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    First,
    Middle,
    Last,
    Resume,
}

const MOMENTS: [Moment; 4] = [Moment::First, Moment::Middle, Moment::Last, Moment::Resume];

/// Returns the bytes of a file that differ everywhere from those of another seed.
pub(crate) fn bytes(seed: u64, size: usize) -> Arc<[u8]> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(size);
    while bytes.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes());
    }
    bytes.truncate(size);
    bytes.into()
}

pub(crate) fn digest(bytes: &[u8]) -> Digest {
    let mut hasher = Hasher::new();
    hasher.update(bytes);
    hasher.finish()
}

/// Returns the settings of a test: short pauses, and journals after each mebibyte.
pub(crate) fn network() -> NetworkConfig {
    NetworkConfig::default()
        .journal_step(1 << 20)
        .times(|times| {
            times.stall = Duration::from_millis(500);
            times.first_pause = Duration::from_millis(2);
            times.longest_pause = Duration::from_millis(10);
        })
}

pub(super) fn measure(trial: Trial) -> Outcome {
    let mut measured = Measured::of(trial);
    let fetches = tell_all(&mut measured, trial, &[Door::Web, Door::WebWithDigest]);
    if trial.sabotage == Sabotage::Nothing {
        hangs::measure(&mut measured);
    }
    measured.count("lies", LIES.len());
    measured.count("fetches", fetches.0);
    measured.count("of them successful", fetches.1);
    Outcome::Measured(measured)
}

/// Tells each lie in the answers of a server to which a hub redirects.
pub(super) fn tell_through_hub(measured: &mut Measured, trial: Trial) {
    let (fetches, _) = tell_all(measured, trial, &[Door::Hub]);
    measured.count("lies behind the hub", fetches);
}

/// Tells each lie at each moment. Returns the number of fetches, and of those that succeeded.
fn tell_all(measured: &mut Measured, trial: Trial, doors: &[Door]) -> (usize, usize) {
    let content = Arc::new(Content {
        now: bytes(1, SIZE),
        later: bytes(2, SIZE),
    });
    let mut cases = Vec::new();
    for (number, lie) in LIES.iter().enumerate() {
        for (at, moment) in MOMENTS.into_iter().enumerate() {
            // The quick form tells each lie at one moment.
            if trial.extent == Extent::Full || at == number % MOMENTS.len() {
                cases.extend(doors.iter().map(|door| (lie, moment, *door)));
            }
        }
    }
    let fetched = measured.for_each(&cases, |(lie, moment, door), measured| {
        let told = tell(trial, &content, lie, *moment, *door);
        let outcome = told.unwrap_or_else(|error| {
            measured.violation(format!("{} at {moment:?}: {error}", lie.name));
            false
        });
        usize::from(outcome)
    });
    (cases.len(), fetched)
}

/// Fetches a file beside a lie. Returns whether the fetch succeeded. The error describes a violation.
fn tell(
    trial: Trial,
    content: &Arc<Content>,
    lie: &'static Lie,
    moment: Moment,
    door: Door,
) -> Result<bool, String> {
    let has_digest = door != Door::Web;
    if lie.needs_digest && !has_digest {
        return Ok(false);
    }
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let server = WebServer::start("127.0.0.1").map_err(|error| text(&error))?;
    let site = Site::new(door, &server, content).map_err(|error| text(&error))?;
    server.put(&site.path, Arc::clone(&content.now), Some("\"now\""));
    let root = tempfile::tempdir().map_err(|error| text(&error))?;
    let catalog = FsCatalog::new(root.path()).map_err(|error| text(&error))?;
    let fetch = || {
        let network = network().hub(HubConfig::default().endpoint(&site.endpoint));
        let provisioner = ModelProvisioner::with_network(root.path(), network)?;
        let expected = (door == Door::WebWithDigest).then(|| digest(&content.now));
        provisioner.ensure_present_str(&site.reference, expected)
    };
    if moment == Moment::Resume {
        // The first call fails after some parts, and leaves them.
        server.lie(|number, _, reply| match number {
            0 | 1 => reply,
            _ => crate::web::Reply::new("404 Not Found"),
        });
        if fetch().is_ok() {
            return Err("the interrupted call succeeded".to_owned());
        }
    }
    let (shared, sabotage) = (Arc::clone(content), trial.sabotage);
    let was_told = AtomicBool::new(false);
    server.lie(move |number, request, reply| {
        if sabotage == Sabotage::SameTag {
            let (begin, end) = request.range(SIZE).unwrap_or((0, SIZE));
            return match number {
                0 => reply,
                _ => reply.body(&shared.later[begin..end]),
            };
        }
        let is_now = match moment {
            Moment::First | Moment::Resume => true,
            Moment::Middle => number > 0,
            Moment::Last => request.range(SIZE).is_some_and(|(_, end)| end == SIZE),
        };
        // A fault that passes comes once.
        match is_now && !(lie.must_pass && was_told.swap(true, Ordering::Relaxed)) {
            true => (lie.tell)(&shared, request, reply),
            false => reply,
        }
    });
    let begin = Instant::now();
    let outcome: Result<_, ProvisionError> = fetch();
    let time = begin.elapsed();
    if time > MOST {
        return Err(format!("the call took {time:?}"));
    }
    if lie.must_pass
        && trial.sabotage == Sabotage::Nothing
        && let Err(error) = &outcome
    {
        return Err(format!("the fault did not pass: {error}"));
    }
    for entry in catalog.list().map_err(|error| text(&error))? {
        let found = std::fs::read(&entry.local_path).map_err(|error| text(&error))?;
        let is_now = found == content.now[..];
        // Without a digest, the file may be the one that replaced it, as a whole.
        let is_later = !has_digest && found == content.later[..];
        if !is_now && !is_later {
            return Err(format!(
                "a wrong file of {} bytes was published",
                found.len()
            ));
        }
    }
    Ok(outcome.is_ok())
}
