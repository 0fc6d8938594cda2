//! Connections of hostile and broken servers, which write their answers byte by byte.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use catalog_core::{CatalogStore, FetchProblem};

use super::{bytes, ending, network, provisioner, sha256};

/// Starts a server that answers each connection with a function, after the head of a request. Returns the URL of a
/// file.
fn serve(answer: impl Fn(&mut TcpStream) -> std::io::Result<()> + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/m.bin", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n")
                && connection.read(&mut byte).is_ok_and(|read| read > 0)
            {
                head.extend(byte);
            }
            // The client may close the connection at any time.
            let _ = answer(&mut connection);
        }
    });
    url
}

/// NET-155
#[test]
fn endless_trailers_do_not_hold_a_file() {
    let content = bytes(1, 100_000);
    let sent = Arc::clone(&content);
    let url = serve(move |connection| {
        connection.write_all(
            b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-99999/100000\r\n\
              ETag: \"a\"\r\nTransfer-Encoding: chunked\r\n\r\n186a0\r\n",
        )?;
        connection.write_all(&sent)?;
        connection.write_all(b"\r\n0\r\n")?;
        loop {
            connection.write_all(&b"x: y\r\n".repeat(1_000))?;
        }
    });
    let root = tempfile::tempdir().unwrap();
    let report = provisioner(root.path(), network()).provision(&ending(&url));
    assert_eq!(report.unwrap().digest, Some(sha256(&content)));
}

/// NET-155
#[test]
fn a_body_that_trickles_ends_after_the_time_for_slow_answers() {
    let sent = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&sent);
    let url = serve(move |connection| {
        connection.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 1000\r\n\r\n")?;
        for _ in 0..1_000 {
            connection.write_all(b"a")?;
            count.fetch_add(1, Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    });
    let root = tempfile::tempdir().unwrap();
    let config = network().times(|times| times.slow = Duration::from_millis(100));
    let error = provisioner(root.path(), config)
        .provision(&ending(&url))
        .unwrap_err();
    assert_eq!(error.code(), FetchProblem::AccessDenied.code(), "{error}");
    assert!(
        sent.load(Ordering::Relaxed) < 500,
        "{sent:?} bytes were read"
    );
}

/// NET-156
#[test]
fn a_connection_that_is_reset_is_no_end_of_a_body_without_a_length() {
    let url = serve(|connection| {
        connection.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
        connection.write_all(&[7; 1_000])?;
        Ok(rustix::net::sockopt::set_socket_linger(
            connection,
            Some(Duration::ZERO),
        )?)
    });
    let root = tempfile::tempdir().unwrap();
    let provisioner = provisioner(root.path(), network().retries(0));
    let error = provisioner.provision(&ending(&url)).unwrap_err();
    assert_eq!(error.code(), FetchProblem::Unreachable.code(), "{error}");
    assert_eq!(provisioner.catalog().list().unwrap(), []);
}
