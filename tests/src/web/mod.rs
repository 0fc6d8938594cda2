//! A web server on the loopback interface that serves files by ranges, records its requests, and tells the lies
//! that a figure asks for.

mod gate;
mod reply;
mod server;

pub use gate::Gate;
pub use reply::{Ending, Reply, Request};
pub use server::{WebFile, WebServer};
