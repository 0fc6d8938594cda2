//! The connection below a request: a TCP socket that the end of the call can shut down, and the
//! request line that a proxy needs.

use std::fmt;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use ureq::Error;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, ShutdownHandle, Transport,
};

use super::arrival::Arrival;
use super::body::count;
use super::config::NetworkConfig;
use super::connect::{dial, is_timeout, open_tunnel};
use super::error::NetError;
use super::proxy::Proxy;
use super::stop::Stop;
use super::url::Url;

/// Connects requests, directly or through a proxy.
#[derive(Debug)]
pub(super) struct Dialer {
    pub(super) config: Arc<NetworkConfig>,
    pub(super) stop: Stop,
}

impl Connector<()> for Dialer {
    type Out = Wire;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        _: Option<()>,
    ) -> Result<Option<Wire>, Error> {
        let (url, _) = Url::parse(&details.uri.to_string())
            .map_err(|why| NetError::Refused(why).into_ureq())?;
        let origin = url.origin();
        let proxy = self.config.proxies.of(origin);
        let peer = proxy.map_or(origin, |proxy| &proxy.origin);
        let times = &self.config.times;
        let dialed = dial(
            &peer.host,
            &details.addrs,
            times.connect,
            times.next_address,
            &self.stop,
        );
        let stream = Arc::new(dialed.map_err(NetError::into_ureq)?);
        let handle: Arc<dyn ShutdownHandle> = Arc::clone(&stream) as _;
        (details.register_shutdown)(Arc::downgrade(&handle) as Weak<dyn ShutdownHandle>)?;
        let mut prefix = None;
        if let Some(proxy) = proxy {
            match origin.is_tls {
                true => open_tunnel(&stream, proxy, origin, times.connect, &self.stop)
                    .map_err(NetError::into_ureq)?,
                false => prefix = Some(AbsoluteForm::new(&url, proxy)),
            }
        }
        let config = details.config;
        let buffers = LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size());
        Ok(Some(Wire {
            stream,
            buffers,
            prefix,
            times: (None, None),
            slow: times.slow,
            arrival: Arrival::default(),
        }))
    }
}

/// A connection.
pub(super) struct Wire {
    stream: Arc<TcpStream>,
    buffers: LazyBuffers,
    prefix: Option<AbsoluteForm>,
    /// The timeouts of reads and writes that are set at present.
    times: (Option<Duration>, Option<Duration>),
    /// The time over which the least rate counts.
    slow: Duration,
    arrival: Arrival,
}

/// The texts that turn a request into a request for a proxy (RFC 9112, 3.2.2).
struct AbsoluteForm {
    /// The scheme and the authority, which come before the path.
    authority: String,
    header: String,
}

impl AbsoluteForm {
    fn new(url: &Url, proxy: &Proxy) -> Self {
        Self {
            authority: url.origin().to_string(),
            header: proxy.header(),
        }
    }

    /// Rewrites the head of a request.
    fn rewrite(&self, head: &[u8]) -> Option<Vec<u8>> {
        let path = head.strip_prefix(b"GET ")?;
        let end = path.windows(2).position(|two| two == b"\r\n")? + 2;
        let (line, rest) = path.split_at(end);
        let parts: [&[u8]; 5] = [
            b"GET ",
            self.authority.as_bytes(),
            line,
            self.header.as_bytes(),
            rest,
        ];
        Some(parts.concat())
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire")
            .field("stream", &self.stream)
            .finish_non_exhaustive()
    }
}

/// Returns the time of a timeout, if it ends at all.
fn time_of(timeout: &NextTimeout) -> Option<Duration> {
    timeout.not_zero().map(|time| *time)
}

impl Transport for Wire {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let timeout = timeout.for_write();
        let time = time_of(&timeout);
        if self.times.1 != time {
            self.stream.set_write_timeout(time)?;
            self.times.1 = time;
        }
        self.arrival = Arrival::default();
        let output = &self.buffers.output()[..amount];
        let rewritten = self
            .prefix
            .as_ref()
            .and_then(|prefix| prefix.rewrite(output));
        let output = rewritten.as_deref().unwrap_or(output);
        match (&*self.stream).write_all(output) {
            Err(error) if is_timeout(&error) => Err(Error::Timeout(timeout.reason)),
            written => written.map_err(Error::from),
        }
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let timeout = timeout.for_read();
        let time = time_of(&timeout);
        if self.times.0 != time {
            self.stream.set_read_timeout(time)?;
            self.times.0 = time;
        }
        let input = self.buffers.input_append_buf();
        let begin = Instant::now();
        let read = loop {
            match (&*self.stream).read(input) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) if is_timeout(&error) => return Err(Error::Timeout(timeout.reason)),
                read => break read?,
            }
        };
        count(read)?;
        self.arrival.note(read as u64, begin.elapsed(), self.slow)?;
        self.buffers.input_appended(read);
        Ok(read > 0)
    }

    fn is_open(&mut self) -> bool {
        let mut byte = [0];
        let Ok(()) = self.stream.set_nonblocking(true) else {
            return false;
        };
        // Bytes that nobody asked for are no answer.
        let is_idle = match self.stream.peek(&mut byte) {
            Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
            Ok(_) => false,
        };
        is_idle && self.stream.set_nonblocking(false).is_ok()
    }
}
