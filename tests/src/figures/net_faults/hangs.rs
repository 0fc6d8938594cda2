//! Hosts that never answer: a call ends at its deadline, and when it is cancelled.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use catalog_core::{CancelToken, ModelRef};
use model_fetchers::{NetworkConfig, Resolve};
use model_provisioner::{ModelProvisioner, ProvisionRequest};
use rustix::net::{AddressFamily, SocketFlags, SocketType};

use crate::figure::Measured;
use crate::web::{Ending, Reply, WebServer};

/// The time after which a call is to end.
const LIMIT: Duration = Duration::from_millis(200);

/// The time that a call may take beyond its limit.
const LATE: Duration = Duration::from_secs(1);

/// A resolver that never answers while it is held.
#[derive(Debug)]
struct Silent;

static RELEASED: Mutex<bool> = Mutex::new(false);
static CHANGED: Condvar = Condvar::new();

impl Resolve for Silent {
    fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        let mut released = RELEASED.lock().unwrap_or_else(PoisonError::into_inner);
        while !*released {
            released = CHANGED
                .wait(released)
                .unwrap_or_else(PoisonError::into_inner);
        }
        Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)])
    }
}

/// The end of a call.
#[derive(Debug, Clone, Copy)]
enum End {
    Deadline,
    Cancel,
}

pub(super) fn measure(measured: &mut Measured) {
    let mut slowest = Duration::ZERO;
    let mut hangs = 0;
    for end in [End::Deadline, End::Cancel] {
        let mut note = |name: &str, hung: Result<Duration, String>| {
            hangs += 1;
            match hung {
                Ok(late) => {
                    slowest = slowest.max(late);
                    measured.check(late <= LATE, || {
                        format!("{name}: the call ended {late:?} late")
                    });
                }
                Err(error) => measured.violation(format!("{name}: {error}")),
            }
        };
        note("a full backlog", full_backlog(end));
        note("a name server that is silent", silent_resolver(end));
        note("a TLS handshake that is silent", silent_handshake(end));
        note("an answer that is silent", silent_answer(end, 0));
        note("a body that is silent", silent_answer(end, 1 << 20));
    }
    *RELEASED.lock().unwrap_or_else(PoisonError::into_inner) = true;
    CHANGED.notify_all();
    measured.count("hangs", hangs);
    measured.count("ms late at most", slowest.as_millis());
}

/// Calls for a model, and returns how late the call ended.
fn call(url: &str, config: NetworkConfig, end: End) -> Result<Duration, String> {
    let root = tempfile::tempdir().map_err(|error| error.to_string())?;
    let provisioner = ModelProvisioner::with_network(root.path(), config);
    let provisioner = provisioner.map_err(|error| error.to_string())?;
    let model = ModelRef::parse(url).map_err(|error| error.to_string())?;
    let token = CancelToken::new();
    let request = ProvisionRequest::new(model).cancelled_by(&token);
    let begin = Instant::now();
    let outcome = thread::scope(|scope| match end {
        End::Deadline => provisioner.provision(&request.timeout(LIMIT)),
        End::Cancel => {
            let canceller = scope.spawn(|| {
                thread::sleep(LIMIT);
                token.cancel();
            });
            let outcome = provisioner.provision(&request);
            drop(canceller.join());
            outcome
        }
    });
    let late = begin.elapsed().saturating_sub(LIMIT);
    let wanted = match end {
        End::Deadline => "deadline_exceeded",
        End::Cancel => "cancelled",
    };
    match outcome {
        Err(error) if error.code() == wanted => Ok(late),
        Err(error) => Err(format!("the error has the code {}: {error}", error.code())),
        Ok(_) => Err("the call succeeded".to_owned()),
    }
}

fn full_backlog(end: End) -> Result<Duration, String> {
    let failed = |error: &dyn std::fmt::Display| error.to_string();
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = || rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None);
    let listener = socket().map_err(|error| failed(&error))?;
    let any = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
    rustix::net::bind(&listener, &any).map_err(|error| failed(&error))?;
    rustix::net::listen(&listener, 0).map_err(|error| failed(&error))?;
    let address = rustix::net::getsockname(&listener).map_err(|error| failed(&error))?;
    let address = SocketAddr::try_from(address).map_err(|error| failed(&error))?;
    // These connections fill the backlog, and the system ignores the next ones.
    let mut fillers = Vec::new();
    for _ in 0..4 {
        let filler = socket().map_err(|error| failed(&error))?;
        // The connection is not awaited.
        let _ = rustix::net::connect(&filler, &address);
        fillers.push(filler);
    }
    let late = call(
        &format!("http://{address}/model.bin"),
        NetworkConfig::default(),
        end,
    );
    drop((fillers, listener));
    late
}

fn silent_resolver(end: End) -> Result<Duration, String> {
    let config = NetworkConfig::default().allow_http().resolver(Silent);
    call("http://silent.test/model.bin", config, end)
}

fn silent_handshake(end: End) -> Result<Duration, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let late = call(
        &format!("https://{address}/model.bin"),
        NetworkConfig::default(),
        end,
    );
    drop(listener);
    late
}

fn silent_answer(end: End, bytes: usize) -> Result<Duration, String> {
    let server = WebServer::start("127.0.0.1").map_err(|error| error.to_string())?;
    server.put("/model.bin", vec![1; 4 << 20], Some("\"a\""));
    server.lie(move |_, _, reply| Reply {
        status: match bytes {
            // Not even a head is sent.
            0 => String::new(),
            _ => reply.status,
        },
        body: reply.body[..bytes].into(),
        ending: Ending::Hang(Duration::from_secs(5)),
        ..Reply {
            headers: reply.headers,
            ..Reply::default()
        }
    });
    call(&server.url("/model.bin"), NetworkConfig::default(), end)
}
