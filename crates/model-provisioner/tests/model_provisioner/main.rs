//! The tree mirrors `src`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod contract;
mod daemons;
mod engine;
mod error;
mod example;
mod fetchers;
mod handoff;
mod observe;
mod policy;
mod util;
