use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::gate::Gate;

/// A request that a server received.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The path with the query.
    pub path: String,
    /// The headers, with their names in lower case.
    pub headers: Vec<(String, String)>,
}

impl Request {
    /// Reads the head of a request. Returns `None` at the end of the connection.
    pub(super) fn read(reader: &mut BufReader<TcpStream>) -> io::Result<Option<Self>> {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(None);
            }
            match line.trim_end().split_once(':') {
                Some((name, value)) => {
                    headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
                }
                None => return Ok(Some(Self { path, headers })),
            }
        }
    }

    /// Returns the value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Returns the bytes that the request asks for, of a file of this size.
    pub fn range(&self, size: usize) -> Option<(usize, usize)> {
        let (first, last) = self
            .header("range")?
            .strip_prefix("bytes=")?
            .split_once('-')?;
        let first: usize = first.parse().ok()?;
        let last: usize = last.parse().unwrap_or(usize::MAX);
        Some((first, last.saturating_add(1).min(size)))
    }
}

/// The end of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ending {
    /// The connection stays open for the next request.
    #[default]
    KeepAlive,
    /// The connection is closed.
    Close,
    /// Nothing more is sent, and the connection stays open for this time.
    Hang(Duration),
}

/// A reply, as the server sends it.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    /// The status with its text, such as `200 OK`. An empty status sends nothing, not even a head.
    pub status: String,
    /// The headers in their order. A content length is not added.
    pub headers: Vec<(String, String)>,
    /// The bytes of the body that are sent.
    pub body: Arc<[u8]>,
    /// What follows the body.
    pub ending: Ending,
    /// The time between two pieces of 64 KiB.
    pub pause: Duration,
    /// A gate that holds the rest of the body after this many bytes.
    pub held: Option<(usize, Gate)>,
    /// A gate that opens when the reply has been sent, or cannot be sent.
    pub announced: Gate,
}

impl Reply {
    /// Creates a reply without a body.
    pub fn new(status: &str) -> Self {
        Self {
            status: status.to_owned(),
            ..Self::default()
        }
        .with("Content-Length", "0")
    }

    /// Sets a header.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.headers
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    /// Removes a header.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.headers
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self
    }

    /// Sets the body and its length.
    #[must_use]
    pub fn body(mut self, bytes: impl Into<Arc<[u8]>>) -> Self {
        self.body = bytes.into();
        let length = self.body.len();
        self.with("Content-Length", length)
    }

    /// Holds the rest of the body after some bytes until a gate opens.
    #[must_use]
    pub fn held_after(mut self, bytes: usize, gate: &Gate) -> Self {
        self.held = Some((bytes, gate.clone()));
        self
    }

    /// Opens a gate when the reply has been sent, or cannot be sent.
    #[must_use]
    pub fn announced_by(mut self, gate: &Gate) -> Self {
        self.announced = gate.clone();
        self
    }

    /// Sends the first bytes of the body, and closes the connection.
    #[must_use]
    pub fn broken_after(mut self, bytes: usize) -> Self {
        self.body = self.body[..bytes].into();
        self.ending = Ending::Close;
        self
    }

    /// Sends the first half of the body, and closes the connection.
    #[must_use]
    pub fn broken_at_half(self) -> Self {
        let half = self.body.len() / 2;
        self.broken_after(half)
    }

    /// Sends the reply. Returns whether the connection stays open.
    pub(super) fn send(&self, stream: &mut TcpStream, sent: &dyn Fn(usize)) -> io::Result<bool> {
        let is_open = self.send_all(stream, sent);
        self.announced.open();
        is_open
    }

    fn send_all(&self, stream: &mut TcpStream, sent: &dyn Fn(usize)) -> io::Result<bool> {
        if self.status.is_empty() {
            return self.end();
        }
        let mut head = format!("HTTP/1.1 {}\r\n", self.status);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        stream.write_all(head.as_bytes())?;
        let held = self.held.as_ref().map_or(self.body.len(), |(at, _)| *at);
        let (now, later) = self.body.split_at(held);
        self.send_bytes(now, stream, sent)?;
        if let Some((_, gate)) = &self.held {
            gate.wait();
        }
        self.send_bytes(later, stream, sent)?;
        self.end()
    }

    fn send_bytes(
        &self,
        bytes: &[u8],
        stream: &mut TcpStream,
        sent: &dyn Fn(usize),
    ) -> io::Result<()> {
        for piece in bytes.chunks(64 << 10) {
            stream.write_all(piece)?;
            sent(piece.len());
            if !self.pause.is_zero() {
                thread::sleep(self.pause);
            }
        }
        Ok(())
    }

    fn end(&self) -> io::Result<bool> {
        match self.ending {
            Ending::KeepAlive => Ok(true),
            Ending::Close => Ok(false),
            Ending::Hang(time) => {
                thread::sleep(time);
                Ok(false)
            }
        }
    }
}
