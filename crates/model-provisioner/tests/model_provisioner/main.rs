//! The tree mirrors `src`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod daemons;
mod error;
mod example;
mod fetchers;
mod observe;
mod provision;
mod util;
