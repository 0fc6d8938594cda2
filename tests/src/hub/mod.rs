//! A hub of models on the loopback interface: enough of the protocol for the real `hf` command, and
//! the faults that hubs have.
//!
//! | module | what lives there |
//! | --- | --- |
//! | `repo` | what is on the hub: repositories, commits, files |
//! | `server` | the answers to requests, and the faults |

mod repo;
mod server;

pub use repo::{Repo, RepoFile};
pub use server::{Faults, Hub, Seen};
