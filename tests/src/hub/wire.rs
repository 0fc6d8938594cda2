use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// A request that was made.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Such as `GET`.
    pub method: String,
    /// With the query.
    pub path: String,
    /// The header, if it was there.
    pub authorization: Option<String>,
}

/// A request, and what of it counts besides.
pub(super) struct Request {
    pub(super) seen: Seen,
    /// The first byte that is asked for, and the end of the range, if one is asked for.
    pub(super) range: Option<(usize, Option<usize>)>,
}

/// Reads the head of a request; none if there is none.
pub(super) fn read_request(stream: &TcpStream) -> io::Result<Option<Request>> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let mut words = first.split(' ').map(str::to_owned);
    let (Some(method), Some(path)) = (words.next(), words.next()) else {
        return Ok(None);
    };
    let (mut authorization, mut range) = (None, None);
    for line in lines {
        let line = line?;
        let Some((name, value)) = line.split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "authorization" => authorization = Some(value.to_owned()),
            "range" => {
                let asked = value.trim_start_matches("bytes=").split_once('-');
                range = asked.and_then(|(first, last)| {
                    let end = last.parse().ok().map(|last: usize| last + 1);
                    Some((first.parse().ok()?, end))
                });
            }
            _ => {}
        }
    }
    Ok(Some(Request {
        seen: Seen {
            method,
            path,
            authorization,
        },
        range,
    }))
}

/// What is answered.
pub(super) struct Answer {
    pub(super) status: &'static str,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Arc<[u8]>,
    /// Send only half of it.
    pub(super) is_cut: bool,
    pub(super) pause: Duration,
}

impl Answer {
    pub(super) fn new(status: &'static str) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Arc::default(),
            is_cut: false,
            pause: Duration::ZERO,
        }
    }

    pub(super) fn json(value: &serde_json::Value) -> Self {
        Self {
            body: value.to_string().into_bytes().into(),
            ..Self::new("200 OK")
        }
    }

    pub(super) fn error(status: &'static str, code: &str) -> Self {
        let mut answer = Self::new(status);
        answer.headers.push(("X-Error-Code", code.to_owned()));
        answer
            .headers
            .push(("X-Error-Message", format!("the hub says {code}")));
        answer
    }

    pub(super) fn send(&self, mut stream: &TcpStream, is_head: bool) -> io::Result<()> {
        let mut text = format!("HTTP/1.1 {}\r\nConnection: close\r\n", self.status);
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(&format!("Content-Length: {}\r\n\r\n", self.body.len()));
        stream.write_all(text.as_bytes())?;
        if is_head {
            return Ok(());
        }
        let end = if self.is_cut {
            self.body.len() / 2
        } else {
            self.body.len()
        };
        if self.pause.is_zero() {
            return stream.write_all(&self.body[..end]);
        }
        for piece in self.body[..end].chunks(1024) {
            stream.write_all(piece)?;
            thread::sleep(self.pause);
        }
        Ok(())
    }
}

/// Percent-decodes a part of a path.
pub(super) fn decode(part: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = part.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after
            .get(..2)
            .and_then(|digits| str::from_utf8(digits).ok());
        let value = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (first, value) {
            (b'%', Some(value)) => {
                bytes.push(value);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
