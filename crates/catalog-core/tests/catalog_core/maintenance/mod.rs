//! What keeps a host true: verification, quarantine, repair, scrubbing, collection, rebuilding.

mod collection;
mod proof;
mod rebuild;
mod repair;
mod verification;
