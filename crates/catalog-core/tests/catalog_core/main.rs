//! The tree mirrors `src`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod artifacts;
mod catalog;
mod digest;
mod error;
mod fetch;
mod index;
mod maintenance;
mod reference;
mod util;
