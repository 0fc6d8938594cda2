use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::reply::{Reply, Request};

/// A file of a server.
#[derive(Debug, Clone)]
pub struct WebFile {
    /// The bytes.
    pub bytes: Arc<[u8]>,
    /// The value of the header `ETag`, if the server sends it.
    pub etag: Option<String>,
}

/// Changes the honest reply to a request. The number counts the requests of the server from 0.
type Lie = dyn Fn(usize, &Request, Reply) -> Reply + Send + Sync;

/// A server that runs until it is dropped.
pub struct WebServer {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    files: Mutex<BTreeMap<String, WebFile>>,
    lie: Mutex<Arc<Lie>>,
    requests: Mutex<Vec<Request>>,
    sent: AtomicU64,
    connections: AtomicU64,
    is_stopped: AtomicBool,
}

impl fmt::Debug for WebServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebServer({})", self.address)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl WebServer {
    /// Begins to answer on a free port of an address of this host.
    ///
    /// # Errors
    ///
    /// The error of binding the address.
    pub fn start(address: &str) -> io::Result<Self> {
        let listener = TcpListener::bind((address, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            files: Mutex::default(),
            lie: Mutex::new(Arc::new(|_, _, reply| reply)),
            requests: Mutex::default(),
            sent: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            is_stopped: AtomicBool::new(false),
        });
        let of_thread = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if of_thread.is_stopped.load(Ordering::Acquire) {
                    return;
                }
                let shared = Arc::clone(&of_thread);
                if let Ok(stream) = stream {
                    shared.connections.fetch_add(1, Ordering::Relaxed);
                    thread::spawn(move || drop(shared.serve(stream)));
                }
            }
        });
        Ok(Self { address, shared })
    }

    /// Returns the URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Returns the port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Serves a file at a path.
    pub fn put(&self, path: &str, bytes: impl Into<Arc<[u8]>>, etag: Option<&str>) {
        let file = WebFile {
            bytes: bytes.into(),
            etag: etag.map(str::to_owned),
        };
        lock(&self.shared.files).insert(path.to_owned(), file);
    }

    /// Changes all replies from now on. The number counts the requests from now on.
    pub fn lie(&self, lie: impl Fn(usize, &Request, Reply) -> Reply + Send + Sync + 'static) {
        lock(&self.shared.requests).clear();
        *lock(&self.shared.lie) = Arc::new(lie);
    }

    /// Tells no lies from now on.
    pub fn be_honest(&self) {
        self.lie(|_, _, reply| reply);
    }

    /// Returns the requests since the last call of [`lie`](Self::lie).
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.shared.requests).clone()
    }

    /// Returns the number of bytes of bodies that were handed to the system.
    pub fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::Relaxed)
    }

    /// Returns the number of connections that were made.
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::Relaxed)
    }
}

impl Shared {
    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        let mut writer = stream.try_clone()?;
        let mut reader = BufReader::new(stream);
        while let Some(request) = Request::read(&mut reader)? {
            let number = {
                let mut requests = lock(&self.requests);
                requests.push(request.clone());
                requests.len() - 1
            };
            let lie = Arc::clone(&lock(&self.lie));
            let reply = lie(number, &request, self.honest(&request));
            let count = |bytes| {
                self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
            };
            if !reply.send(&mut writer, &count)? {
                break;
            }
        }
        Ok(())
    }

    /// Returns the reply of a server without faults.
    fn honest(&self, request: &Request) -> Reply {
        let path = request.path.split('?').next().unwrap_or_default();
        let Some(file) = lock(&self.files).get(path).cloned() else {
            return Reply::new("404 Not Found");
        };
        let size = file.bytes.len();
        let tag = |reply: Reply| match &file.etag {
            Some(etag) => reply.with("ETag", etag),
            None => reply,
        };
        let is_known = request
            .header("if-none-match")
            .is_some_and(|known| Some(known) == file.etag.as_deref());
        if is_known {
            return tag(Reply::new("304 Not Modified"));
        }
        let is_same = request
            .header("if-range")
            .is_none_or(|known| Some(known) == file.etag.as_deref());
        match request.range(size).filter(|_| is_same) {
            Some((begin, _)) if begin >= size => Reply::new("416 Range Not Satisfiable")
                .with("Content-Range", format!("bytes */{size}")),
            Some((begin, end)) => {
                let range = format!("bytes {begin}-{}/{size}", end - 1);
                let reply = Reply::new("206 Partial Content").body(&file.bytes[begin..end]);
                tag(reply
                    .with("Content-Range", range)
                    .with("Accept-Ranges", "bytes"))
            }
            None => tag(Reply::new("200 OK").body(Arc::clone(&file.bytes))),
        }
    }
}

impl Drop for WebServer {
    fn drop(&mut self) {
        self.shared.is_stopped.store(true, Ordering::Release);
        // The listener ends with the next connection.
        drop(TcpStream::connect(self.address));
    }
}
