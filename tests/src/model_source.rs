//! A web server of a model beside a root, from which the workloads fetch.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use catalog_core::CatalogError;

use crate::state::FETCHED_CONTENT;
use crate::web::{Gate, WebServer};

/// A web server that serves the model of a root until it is dropped. Its first answer ends in the middle of the
/// model, so that each fetch asks for the rest over another connection.
#[derive(Debug)]
pub struct ModelSource {
    server: WebServer,
}

/// The moment of the first answer at which a server waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The request has arrived, and nothing is answered.
    BeforeHead,
    /// The size and the version are answered.
    BeforeBody,
}

/// The path of the model.
const PATH: &str = "/p.bin";

/// An authority of servers that nobody asks. With it, a fetch reads no authority of the host.
const AUTHORITY: &str = include_str!("../fixtures/authority.pem");

/// The file beside a root that has the authority.
pub(crate) fn authority_of(root: &Path) -> PathBuf {
    root.with_file_name("authority.pem")
}

fn file_of_url(root: &Path) -> PathBuf {
    root.with_file_name("model.url")
}

/// Returns the URL of the model of a root.
pub(crate) fn url_of(root: &Path) -> Result<String, CatalogError> {
    let path = file_of_url(root);
    fs::read_to_string(&path).map_err(|source| CatalogError::Io {
        action: "read",
        path,
        source,
    })
}

impl ModelSource {
    /// Begins to serve the model of a root.
    ///
    /// # Errors
    ///
    /// The errors of the server and of the files beside the root that a fetch reads.
    pub fn start(root: &Path) -> io::Result<Self> {
        let server = WebServer::start("127.0.0.1")?;
        server.put(PATH, &FETCHED_CONTENT[..], Some("\"now\""));
        server.lie(|number, _, reply| match number {
            0 => reply.broken_at_half(),
            _ => reply,
        });
        fs::write(file_of_url(root), server.url(PATH))?;
        fs::write(authority_of(root), AUTHORITY)?;
        Ok(Self { server })
    }

    /// Has the first answer from now on wait at a moment. Returns the gate where it waits.
    pub fn hold(&self, moment: Moment) -> Gate {
        let gate = Gate::default();
        let at = gate.clone();
        self.server.lie(move |number, _, reply| match number {
            0 if moment == Moment::BeforeHead => {
                at.wait();
                reply.broken_at_half()
            }
            0 => reply.broken_at_half().held_after(0, &at),
            _ => reply,
        });
        gate
    }
}
