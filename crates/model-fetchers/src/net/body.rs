//! The reads of the body of an answer, with limits for its connection.

use std::cell::Cell;
use std::io::{self, Read};
use std::time::{Duration, Instant};

use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};
use ureq::{BodyReader, Error};

use super::arrival::Arrival;

/// The number of bytes that a connection may send without a byte of the body, such as trailers.
const MAX_WITHOUT_BODY: u64 = 1 << 20;

thread_local! {
    /// The number of bytes that a connection may still send in the read of a body that this thread makes now.
    static LEFT: Cell<Option<u64>> = const { Cell::new(None) };
}

/// The body of an answer. A read ends with an error if the connection breaks, or sends too many bytes that are no
/// part of the body.
pub(crate) struct Body {
    body: BodyReader<'static>,
    /// The time over which the least rate counts. The connection measures the rate of all its bytes, and the body
    /// measures the rate of its own.
    slow: Duration,
    arrival: Arrival,
}

impl Body {
    pub(super) fn new(body: ureq::Body, slow: Duration) -> Self {
        Self {
            body: body.into_reader(),
            slow,
            arrival: Arrival::default(),
        }
    }
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let begin = Instant::now();
        LEFT.set(Some(MAX_WITHOUT_BODY));
        let read = self.body.read(buffer);
        LEFT.set(None);
        let read = read?;
        self.arrival.note(read as u64, begin.elapsed(), self.slow)?;
        Ok(read)
    }
}

/// Counts bytes that a connection sent. Returns an error if they are too many for one read of a body.
pub(super) fn count(bytes: usize) -> io::Result<()> {
    let Some(left) = LEFT.get() else {
        return Ok(());
    };
    let left = left.checked_sub(bytes as u64);
    LEFT.set(left.or(Some(0)));
    match left {
        Some(_) => Ok(()),
        None => Err(io::Error::other(
            "the server sends bytes that are no part of the body",
        )),
    }
}

/// Makes each failure of a connection an error of the body. The client library takes a connection that is reset, and a
/// TLS connection that is cut, for the end of a body without a length.
#[derive(Debug)]
pub(super) struct FailuresAreErrors;

impl<T: Transport> Connector<T> for FailuresAreErrors {
    type Out = Checked<T>;

    fn connect(
        &self,
        _: &ConnectionDetails<'_>,
        chained: Option<T>,
    ) -> Result<Option<Checked<T>>, Error> {
        Ok(chained.map(Checked))
    }
}

#[derive(Debug)]
pub(super) struct Checked<T>(T);

impl<T: Transport> Transport for Checked<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.0.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.0.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let is_end = |error: &io::Error| {
            use io::ErrorKind::{ConnectionAborted, ConnectionReset, UnexpectedEof};
            let kinds = [ConnectionAborted, ConnectionReset, UnexpectedEof];
            LEFT.get().is_some() && kinds.contains(&error.kind())
        };
        match self.0.await_input(timeout) {
            // The client library does not know the kind of the new error, and returns the error.
            Err(Error::Io(error)) if is_end(&error) => Err(Error::Io(io::Error::other(error))),
            input => input,
        }
    }

    fn is_open(&mut self) -> bool {
        self.0.is_open()
    }

    fn is_tls(&self) -> bool {
        self.0.is_tls()
    }
}
