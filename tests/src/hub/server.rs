use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::repo::Repo;
use super::wire::{Answer, Request, Seen, decode, read_request};

/// A hub that runs until it is dropped.
#[derive(Debug)]
pub struct Hub {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    thread: Option<JoinHandle<()>>,
}

/// What goes wrong.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// So many bodies are cut off in the middle.
    pub cut_bodies: usize,
    /// Bodies come from this endpoint.
    pub redirect_to: Option<String>,
    /// Between two pieces of a body, of 1 KiB each.
    pub pause: Duration,
    /// Every answer is 503.
    pub is_down: bool,
    /// A listing has pages of so many entries, each with a link to the next one.
    pub page_size: usize,
    /// The links between pages begin with this.
    pub link_base: String,
    /// Every page links to this.
    pub link_to: Option<String>,
    /// Requests for what the hub states of a repository are redirected to the one of this name.
    pub renamed_to: Option<String>,
    /// So many requests are answered by 429, and with a limit that holds for no time.
    pub limited: usize,
    /// The hashes in listings are masked.
    pub masks_hashes: bool,
}

/// A token that the hub does not know.
pub const BAD_TOKEN: &str = "hf_not_a_token";

#[derive(Debug, Default)]
struct Shared {
    /// By name and revision.
    repos: BTreeMap<(String, String), Repo>,
    faults: Faults,
    seen: Vec<Seen>,
    is_stopped: bool,
}

impl Hub {
    /// Begins to answer on a free port.
    ///
    /// # Errors
    ///
    /// What binding it fails with.
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Mutex::new(Shared::default()));
        let of_thread = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if lock(&of_thread).is_stopped {
                    return;
                }
                let shared = Arc::clone(&of_thread);
                if let Ok(stream) = stream {
                    thread::spawn(move || drop(serve(&stream, &shared)));
                }
            }
        });
        Ok(Self {
            address,
            shared,
            thread: Some(thread),
        })
    }

    /// What to give as `HF_ENDPOINT`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Puts a repository on the hub at a revision, such as `main`, and at its commit.
    pub fn put(&self, name: &str, revision: &str, repo: Repo) {
        let mut shared = lock(&self.shared);
        let commit = repo.commit();
        shared.repos.insert((name.to_owned(), commit), repo.clone());
        let key = (name.to_owned(), revision.to_owned());
        shared.repos.insert(key, repo);
    }

    /// From now on this goes wrong, and nothing else.
    pub fn fail(&self, faults: Faults) {
        lock(&self.shared).faults = faults;
    }

    /// What was asked so far.
    pub fn seen(&self) -> Vec<Seen> {
        lock(&self.shared).seen.clone()
    }

    /// How often the bytes of a file were asked for.
    pub fn downloads_of(&self, path: &str) -> usize {
        let end = format!("/{path}");
        let is_of = |seen: &Seen| seen.method == "GET" && seen.path.ends_with(&end);
        self.seen().into_iter().filter(is_of).count()
    }

    /// Forgets what was asked so far.
    pub fn forget(&self) {
        lock(&self.shared).seen.clear();
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        lock(&self.shared).is_stopped = true;
        // Wakes the thread that waits for connections.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(stream: &TcpStream, shared: &Mutex<Shared>) -> io::Result<()> {
    let Some(request) = read_request(stream)? else {
        return Ok(());
    };
    let answer = {
        let mut shared = lock(shared);
        shared.seen.push(request.seen.clone());
        shared.answer(&request)
    };
    answer.send(stream, request.seen.method == "HEAD")
}

impl Shared {
    fn answer(&mut self, request: &Request) -> Answer {
        if self.faults.is_down {
            return Answer::new("503 Service Unavailable");
        }
        if self.faults.limited > 0 {
            self.faults.limited -= 1;
            let mut answer = Answer::new("429 Too Many Requests");
            answer
                .headers
                .push(("RateLimit", "\"api\";r=0;t=0".to_owned()));
            return answer;
        }
        if request.seen.authorization.as_deref() == Some(&format!("Bearer {BAD_TOKEN}")) {
            let mut answer = Answer::new("401 Unauthorized");
            let message = "Invalid credentials in Authorization header".to_owned();
            answer.headers.push(("X-Error-Message", message));
            return answer;
        }
        let path = request.seen.path.split('?').next().unwrap_or_default();
        if let Some(new) = self.faults.renamed_to.clone()
            && let Some(rest) = path.strip_prefix("/api/models/")
            && !rest.starts_with(&new)
        {
            let inner: Vec<&str> = rest.splitn(3, '/').collect();
            let mut answer = Answer::new("307 Temporary Redirect");
            let inner = inner.get(2).unwrap_or(&"");
            answer
                .headers
                .push(("Location", format!("/api/models/{new}/{inner}")));
            return answer;
        }
        let parts: Vec<String> = path.split('/').skip(1).map(decode).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        match parts[..] {
            ["api", "models", org, repo, "revision", revision] => {
                match self.find(org, repo, revision, request) {
                    Ok(found) => Answer::json(&found.info(&format!("{org}/{repo}"))),
                    Err(answer) => answer,
                }
            }
            ["api", "models", org, repo, "tree", revision, ..] => {
                match self.find(org, repo, revision, request) {
                    Ok(found) => self.listed(found.tree(), path, request),
                    Err(answer) => answer,
                }
            }
            ["api", "models", org, repo] => match self.find(org, repo, "main", request) {
                Ok(found) => Answer::json(&found.info(&format!("{org}/{repo}"))),
                Err(answer) => answer,
            },
            [org, repo, "resolve", revision, ref path @ ..] => {
                self.resolve(org, repo, revision, &path.join("/"), request)
            }
            _ => Answer::new("404 Not Found"),
        }
    }

    /// Returns the page of a listing that is asked for.
    fn listed(&self, mut tree: serde_json::Value, path: &str, request: &Request) -> Answer {
        let faults = &self.faults;
        let entries = tree.as_array_mut().expect("a listing is an array");
        if faults.masks_hashes {
            for entry in entries.iter_mut() {
                entry["oid"] = "*".repeat(40).into();
                if let Some(lfs) = entry.get_mut("lfs") {
                    lfs["oid"] = "*".repeat(64).into();
                }
            }
        }
        let cursor = request
            .seen
            .path
            .split_once("cursor=")
            .and_then(|(_, at)| at.parse().ok());
        let begin: usize = cursor.unwrap_or(0);
        let all = entries.len();
        let size = if faults.page_size == 0 {
            all
        } else {
            faults.page_size
        };
        let page: Vec<_> = entries.drain(..).skip(begin).take(size).collect();
        let end = begin + page.len();
        let next = match &faults.link_to {
            Some(target) => Some(target.clone()),
            None => (end < all)
                .then(|| format!("{}{path}?recursive=true&cursor={end}", faults.link_base)),
        };
        let mut answer = Answer::json(&serde_json::Value::Array(page));
        if let Some(next) = next {
            answer
                .headers
                .push(("Link", format!("<{next}>; rel=\"next\"")));
        }
        answer
    }

    fn find(
        &self,
        org: &str,
        repo: &str,
        revision: &str,
        request: &Request,
    ) -> Result<&Repo, Answer> {
        let name = format!("{org}/{repo}");
        if !self.repos.keys().any(|(known, _)| *known == name) {
            return Err(Answer::error("404 Not Found", "RepoNotFound"));
        }
        let Some(found) = self.repos.get(&(name, revision.to_owned())) else {
            return Err(Answer::error("404 Not Found", "RevisionNotFound"));
        };
        match &found.gate {
            Some(token)
                if request.seen.authorization.as_deref() != Some(&format!("Bearer {token}")) =>
            {
                Err(Answer::error("403 Forbidden", "GatedRepo"))
            }
            _ => Ok(found),
        }
    }

    fn resolve(
        &mut self,
        org: &str,
        repo: &str,
        revision: &str,
        path: &str,
        request: &Request,
    ) -> Answer {
        let faults = self.faults.clone();
        let found = match self.find(org, repo, revision, request) {
            Ok(found) => found,
            Err(answer) => return answer,
        };
        let commit = found.commit();
        let Some(file) = found.file(path) else {
            let mut answer = Answer::error("404 Not Found", "EntryNotFound");
            answer.headers.push(("X-Repo-Commit", commit));
            return answer;
        };
        let mut answer = Answer::new("200 OK");
        answer.headers.push(("X-Repo-Commit", commit));
        answer
            .headers
            .push(("ETag", format!("\"{}\"", file.etag())));
        answer.headers.push(("Accept-Ranges", "bytes".to_owned()));
        let sent = file.sent();
        if let Some(other) = &faults.redirect_to {
            let location = format!("{other}{}", request.seen.path);
            answer.status = "302 Found";
            answer.headers.push(("Location", location));
            answer
                .headers
                .push(("X-Linked-Size", sent.len().to_string()));
            answer
                .headers
                .push(("X-Linked-Etag", format!("\"{}\"", file.etag())));
            return answer;
        }
        answer.body = match request.range {
            None => Arc::clone(sent),
            Some((from, _)) if from >= sent.len() => {
                answer.status = "416 Range Not Satisfiable";
                let range = format!("bytes */{}", sent.len());
                answer.headers.push(("Content-Range", range));
                Arc::default()
            }
            Some((from, end)) => {
                let end = end.unwrap_or(usize::MAX).min(sent.len());
                answer.status = "206 Partial Content";
                let range = format!("bytes {from}-{}/{}", end - 1, sent.len());
                answer.headers.push(("Content-Range", range));
                sent[from..end].into()
            }
        };
        answer.pause = faults.pause;
        if request.seen.method == "GET" && faults.cut_bodies > 0 {
            self.faults.cut_bodies -= 1;
            answer.is_cut = true;
        }
        answer
    }
}
