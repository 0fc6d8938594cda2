use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use super::error::NetError;
use super::stop::Stop;

/// A resolver of host names. The default asks the system.
pub trait Resolve: fmt::Debug + Send + Sync {
    /// Returns the addresses of a host. The call may block: it runs on a thread of its own, which
    /// may outlive the call of the fetcher.
    ///
    /// # Errors
    ///
    /// The reason why the host has no address.
    fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// The resolver of the system.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let addresses = (host, 0).to_socket_addrs()?;
        Ok(addresses.map(|address| address.ip()).collect())
    }
}

/// The maximum number of threads of this process that resolve names. A name server that does not
/// answer holds such a thread longer than its call.
const THREADS: usize = 8;

/// The time between two looks at the end of the call.
const LOOK: Duration = Duration::from_millis(50);

static RUNNING: AtomicUsize = AtomicUsize::new(0);

/// Resolves a host within a time. Returns at least one address.
pub(super) fn resolve(
    resolver: &Arc<dyn Resolve>,
    host: &str,
    port: u16,
    time: Duration,
    stop: &Stop,
) -> Result<Vec<SocketAddr>, NetError> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let failed = |detail: String| NetError::Unresolved {
        host: host.to_owned(),
        detail,
    };
    let end = Instant::now() + time;
    let late = || {
        failed(format!(
            "the name servers did not answer for {} s",
            time.as_secs_f64()
        ))
    };
    let permit = loop {
        if let Some(permit) = Permit::take() {
            break permit;
        }
        stop.check()?;
        if Instant::now() >= end {
            return Err(late());
        }
        thread::sleep(LOOK.min(Duration::from_millis(10)));
    };
    let (sender, answer) = sync_channel(1);
    let (resolver, name) = (Arc::clone(resolver), host.to_owned());
    let work = move || {
        let _permit = permit;
        // The call may have ended.
        let _ = sender.send(resolver.resolve(&name));
    };
    let thread = thread::Builder::new().name("resolver".to_owned());
    thread
        .spawn(work)
        .map_err(|error| failed(error.to_string()))?;
    loop {
        stop.check()?;
        match answer.recv_timeout(LOOK) {
            Ok(Ok(found)) if found.is_empty() => {
                return Err(failed("it has no address".to_owned()));
            }
            Ok(Ok(found)) => {
                let found = found.into_iter();
                return Ok(found
                    .map(|address| SocketAddr::new(address, port))
                    .collect());
            }
            Ok(Err(error)) => return Err(failed(error.to_string())),
            Err(RecvTimeoutError::Disconnected) => {
                return Err(failed("the resolver failed".into()));
            }
            Err(RecvTimeoutError::Timeout) if Instant::now() >= end => return Err(late()),
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

/// The permission to run one thread that resolves.
struct Permit(());

impl Permit {
    fn take() -> Option<Self> {
        let more = |running| (running < THREADS).then_some(running + 1);
        let taken = RUNNING.fetch_update(Ordering::AcqRel, Ordering::Acquire, more);
        taken.is_ok().then_some(Self(()))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        RUNNING.fetch_sub(1, Ordering::AcqRel);
    }
}
