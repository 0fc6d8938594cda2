//! A hub of models on the loopback interface: enough of the protocol for the real `hf` command, and
//! the faults that hubs have.
//!
//! | module | what lives there |
//! | --- | --- |
//! | `repo` | what is on the hub: repositories, commits, files |
//! | `server` | the answers to requests, and the faults |
//! | `wire` | requests and answers as bytes |

mod repo;
mod server;
mod wire;

pub use repo::{Repo, RepoFile};
pub use server::{BAD_TOKEN, Faults, Hub};
pub use wire::Seen;
