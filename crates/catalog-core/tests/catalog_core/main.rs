//! The tree mirrors `src`.

mod catalog;
