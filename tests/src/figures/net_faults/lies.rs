//! The lies of a server, each about one reply.

use std::sync::Arc;
use std::time::Duration;

use crate::web::{Ending, Reply, Request};

/// A lie: its name, and the reply that it makes of the honest one.
pub(super) struct Lie {
    pub(super) name: &'static str,
    pub(super) tell: fn(&Content, &Request, Reply) -> Reply,
    /// Whether the call must succeed, because the fault passes.
    pub(super) must_pass: bool,
    /// Whether only a digest can show the lie.
    pub(super) needs_digest: bool,
}

/// The content of the file, and of the file that replaces it.
pub(super) struct Content {
    pub(super) now: Arc<[u8]>,
    pub(super) later: Arc<[u8]>,
}

const fn lie(name: &'static str, tell: fn(&Content, &Request, Reply) -> Reply) -> Lie {
    Lie {
        name,
        tell,
        must_pass: false,
        needs_digest: false,
    }
}

const fn passing(name: &'static str, tell: fn(&Content, &Request, Reply) -> Reply) -> Lie {
    Lie {
        must_pass: true,
        ..lie(name, tell)
    }
}

const fn unseen(name: &'static str, tell: fn(&Content, &Request, Reply) -> Reply) -> Lie {
    Lie {
        needs_digest: true,
        ..lie(name, tell)
    }
}

/// Returns the bytes of the replacement in the range of a request.
fn of_later(content: &Content, request: &Request) -> (usize, usize, Arc<[u8]>) {
    let size = content.later.len();
    let (begin, end) = request.range(size).unwrap_or((0, size));
    (begin, end, content.later[begin.min(size)..end].into())
}

pub(super) const LIES: [Lie; 31] = [
    passing("cut body", |_, _, reply| reply.broken_at_half()),
    passing("closed connection", |_, _, _| Reply {
        ending: Ending::Close,
        ..Reply::default()
    }),
    passing("status 500", |_, _, _| Reply::new("500 Oops")),
    passing("status 503 and Retry-After", |_, _, _| {
        Reply::new("503 Busy").with("Retry-After", "0")
    }),
    passing("status 429", |_, _, _| Reply::new("429 Slow Down")),
    passing("status 408", |_, _, _| Reply::new("408 Timeout")),
    passing("stall after the head", |_, _, reply| Reply {
        body: Arc::default(),
        ending: Ending::Hang(Duration::from_secs(3)),
        ..reply
    }),
    passing("stall in the body", |_, _, reply| Reply {
        ending: Ending::Hang(Duration::from_secs(3)),
        ..reply.broken_at_half()
    }),
    lie("status 204", |_, _, _| Reply::new("204 No Content")),
    lie("status 304", |_, _, _| Reply::new("304 Not Modified")),
    lie("status 404", |_, _, _| Reply::new("404 Not Found")),
    lie("status 403", |_, _, _| {
        Reply::new("403 Forbidden").body(*b"denied")
    }),
    lie("status 501", |_, _, _| Reply::new("501 No")),
    lie("status 302 without Location", |_, _, _| {
        Reply::new("302 Found")
    }),
    lie("a redirect to itself", |_, request, _| {
        Reply::new("302 Found").with("Location", &request.path)
    }),
    lie("a malformed Content-Range", |_, _, reply| {
        reply.with("Content-Range", "bytes banana")
    }),
    lie("the bytes before", |_, _, reply| {
        let last = reply.body.len().max(1) - 1;
        reply.with("Content-Range", format!("bytes 0-{last}/*"))
    }),
    lie("another total", |content, request, reply| {
        let size = content.now.len();
        let (begin, end) = request.range(size).unwrap_or((0, size));
        reply.with(
            "Content-Range",
            format!("bytes {begin}-{}/{}", end - 1, size + 7),
        )
    }),
    lie("a shorter part", |content, request, reply| {
        let size = content.now.len();
        let (begin, end) = request.range(size).unwrap_or((0, size));
        let range = format!("bytes {begin}-{}/{size}", end.saturating_sub(11));
        let body: Arc<[u8]> = content.now[begin..end.saturating_sub(10)].into();
        reply.body(body).with("Content-Range", range)
    }),
    lie("a longer part", |content, request, reply| {
        let size = content.now.len();
        let (begin, end) = request.range(size).unwrap_or((0, size));
        let mut body = content.now[begin..end].to_vec();
        body.extend([7; 100]);
        reply.body(body)
    }),
    lie("several ranges", |_, _, reply| {
        reply.with("Content-Type", "multipart/byteranges; boundary=x")
    }),
    lie("two lengths", |_, _, mut reply| {
        reply
            .headers
            .push(("Content-Length".to_owned(), "5".to_owned()));
        reply
    }),
    lie("compressed", |_, _, reply| {
        reply.with("Content-Encoding", "gzip")
    }),
    lie(
        "another file under another tag",
        |content, request, reply| {
            let (_, _, body) = of_later(content, request);
            reply.body(body).with("ETag", "\"later\"")
        },
    ),
    lie("another whole file", |content, _, _| {
        let reply = Reply::new("200 OK").body(Arc::clone(&content.later));
        reply.with("ETag", "\"later\"")
    }),
    lie("another whole file without a tag", |content, _, _| {
        Reply::new("200 OK").body(Arc::clone(&content.later))
    }),
    lie("the whole file", |content, _, reply| {
        let tag = reply
            .headers
            .iter()
            .find(|(name, _)| name == "ETag")
            .cloned();
        let whole = Reply::new("200 OK").body(Arc::clone(&content.now));
        match tag {
            Some((name, value)) => whole.with(&name, value),
            None => whole,
        }
    }),
    lie("nothing there", |_, _, _| {
        Reply::new("416 Range Not Satisfiable").with("Content-Range", "bytes */5")
    }),
    lie("a web page", |_, _, _| {
        let page = b"<!DOCTYPE html><html><body>Please log in</body></html>";
        Reply::new("200 OK")
            .body(*page)
            .with("Content-Type", "text/html")
    }),
    lie("a git-lfs pointer", |_, _, _| {
        let oid = "0".repeat(64);
        let text = format!(
            "version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 20971520\n"
        );
        Reply::new("200 OK").body(text.into_bytes())
    }),
    unseen("half the file without a length", |content, _, _| {
        let half = content.now.len() / 2;
        let reply = Reply::new("200 OK").body(&content.now[..half]);
        Reply {
            ending: Ending::Close,
            ..reply.without("Content-Length")
        }
    }),
];
