//! The tree mirrors `src`.

mod catalog;
mod digest;
mod error;
mod fetch;
mod index;
mod model;
mod util;
