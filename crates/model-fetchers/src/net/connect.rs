//! Connections that do not block: the addresses of a host are raced, and the end of the call ends
//! the attempt.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use super::error::NetError;
use super::proxy::Proxy;
use super::stop::Stop;
use super::url::Origin;

/// The time between two looks at the end of the call.
const LOOK: Duration = Duration::from_millis(50);

/// The maximum size of the answer of a proxy to `CONNECT`, in bytes.
const MAX_ANSWER: usize = 16 << 10;

/// An attempt to connect to one address.
struct Attempt {
    address: SocketAddr,
    socket: OwnedFd,
}

/// Connects to the first address that answers. The next attempt begins `delay` after the last one,
/// or when an attempt fails, so a dead route costs little.
pub(super) fn dial(
    host: &str,
    addresses: &[SocketAddr],
    time: Duration,
    delay: Duration,
    stop: &Stop,
) -> Result<TcpStream, NetError> {
    let failed = |detail: String| NetError::Unconnected {
        host: host.to_owned(),
        detail,
    };
    let end = Instant::now() + time;
    let ordered = alternating(addresses);
    let mut left = ordered.iter();
    let mut attempts: Vec<Attempt> = Vec::new();
    let mut next = Instant::now();
    let mut last_error: Option<String> = None;
    loop {
        stop.check()?;
        let now = Instant::now();
        if now >= end {
            let detail = format!("no answer for {} s", time.as_secs_f64());
            return Err(failed(last_error.unwrap_or(detail)));
        }
        if now >= next || attempts.is_empty() {
            match left.next() {
                Some(address) => {
                    next = now + delay;
                    match begin(address) {
                        Ok(Begun::Connected(stream)) => {
                            return finish(stream)
                                .map_err(|error| failed(format!("{address}: {error}")));
                        }
                        Ok(Begun::Waits(socket)) => attempts.push(Attempt {
                            address: *address,
                            socket,
                        }),
                        Err(error) => last_error = Some(format!("{address}: {error}")),
                    }
                    continue;
                }
                None if attempts.is_empty() => {
                    let detail = "the host has no address".to_owned();
                    return Err(failed(last_error.unwrap_or(detail)));
                }
                None => next = end,
            }
        }
        let wait = LOOK.min(end - now).min(next.saturating_duration_since(now));
        let ready = wait_for(&attempts, wait).map_err(|error| failed(error.to_string()))?;
        for number in ready.into_iter().rev() {
            let Attempt { address, socket } = attempts.swap_remove(number);
            let outcome = match sockopt::socket_error(&socket) {
                Ok(Ok(())) => finish(TcpStream::from(socket)),
                Ok(Err(error)) | Err(error) => Err(error.into()),
            };
            match outcome {
                Ok(stream) => return Ok(stream),
                Err(error) => {
                    last_error = Some(format!("{address}: {error}"));
                    next = Instant::now();
                }
            }
        }
    }
}

/// Orders addresses so that both families are tried early.
fn alternating(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let Some(first) = addresses.first() else {
        return Vec::new();
    };
    let (like, unlike): (Vec<SocketAddr>, Vec<SocketAddr>) = addresses
        .iter()
        .copied()
        .partition(|address| address.is_ipv4() == first.is_ipv4());
    let mut ordered = Vec::with_capacity(addresses.len());
    let (mut like, mut unlike) = (like.into_iter(), unlike.into_iter());
    loop {
        match (like.next(), unlike.next()) {
            (None, None) => return ordered,
            (one, other) => ordered.extend(one.into_iter().chain(other)),
        }
    }
}

enum Begun {
    Connected(TcpStream),
    Waits(OwnedFd),
}

fn begin(address: &SocketAddr) -> io::Result<Begun> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
    match rustix::net::connect(&socket, address) {
        Ok(()) => Ok(Begun::Connected(TcpStream::from(socket))),
        Err(rustix::io::Errno::INPROGRESS) => Ok(Begun::Waits(socket)),
        Err(error) => Err(error.into()),
    }
}

/// Waits until an attempt has an outcome. Returns the numbers of these attempts.
fn wait_for(attempts: &[Attempt], time: Duration) -> io::Result<Vec<usize>> {
    let mut polled: Vec<PollFd<'_>> = attempts
        .iter()
        .map(|attempt| PollFd::new(&attempt.socket, PollFlags::OUT))
        .collect();
    let time = Timespec::try_from(time).unwrap_or_default();
    match poll(&mut polled, Some(&time)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    let ready = polled.iter().enumerate();
    let ready = ready.filter(|(_, polled)| !polled.revents().is_empty());
    Ok(ready.map(|(number, _)| number).collect())
}

fn finish(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nonblocking(false)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Asks a proxy for a tunnel to an origin.
pub(super) fn open_tunnel(
    mut stream: &TcpStream,
    proxy: &Proxy,
    target: &Origin,
    time: Duration,
    stop: &Stop,
) -> Result<(), NetError> {
    let refused = |detail: String| NetError::Proxy {
        proxy: proxy.origin.to_string(),
        detail,
    };
    let passing = |detail: String| NetError::Unconnected {
        host: target.host.clone(),
        detail,
    };
    let broken = |error: io::Error| NetError::Broken {
        host: proxy.origin.host.clone(),
        detail: error.to_string(),
    };
    let authority = format!("{}:{}", target.host_in_url(), target.port);
    let request = format!(
        "CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{}\r\n",
        proxy.header()
    );
    stream.write_all(request.as_bytes()).map_err(broken)?;
    stream.set_read_timeout(Some(LOOK)).map_err(broken)?;
    let end = Instant::now() + time;
    let mut answer = Vec::new();
    // The bytes after the answer belong to the tunnel, so the answer is read byte by byte.
    let mut byte = [0];
    while !answer.ends_with(b"\r\n\r\n") {
        stop.check()?;
        if Instant::now() >= end {
            return Err(passing("the proxy did not answer in time".to_owned()));
        }
        match stream.read(&mut byte) {
            Ok(0) => return Err(passing("the proxy closed the connection".to_owned())),
            Ok(_) if answer.len() >= MAX_ANSWER => {
                return Err(refused("its answer is too long".to_owned()));
            }
            Ok(_) => answer.push(byte[0]),
            Err(error) if is_timeout(&error) => {}
            Err(error) => return Err(broken(error)),
        }
    }
    let line = answer
        .split(|byte| *byte == b'\r')
        .next()
        .unwrap_or_default();
    let line = String::from_utf8_lossy(line).into_owned();
    let status = line.split(' ').nth(1).unwrap_or_default();
    stream.set_read_timeout(None).map_err(broken)?;
    match status {
        status if status.starts_with('2') => Ok(()),
        "407" => Err(refused(
            "it requires a user name and a password (status 407); put them into the address of the \
             proxy"
                .to_owned(),
        )),
        status if status.starts_with('5') || status == "429" => {
            Err(passing(format!("the proxy answers {line:?} to CONNECT")))
        }
        _ => Err(refused(format!("its answer to CONNECT is {line:?}"))),
    }
}

/// Returns true for the error of a read that timed out.
pub(super) fn is_timeout(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), WouldBlock | TimedOut | Interrupted)
}
