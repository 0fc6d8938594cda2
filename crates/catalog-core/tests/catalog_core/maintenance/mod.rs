//! What keeps a host true: verification, quarantine, repair, scrubbing, collection, rebuilding.

mod collection;
mod engines;
mod proof;
mod rebuild;
mod recorded;
mod repair;
mod scrub;
mod verification;
