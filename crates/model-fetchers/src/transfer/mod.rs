//! The engine that transfers files: in parallel, hashed while the bytes arrive, and continued after
//! an interruption.
//!
//! The calling thread paces and reports. Worker threads have a connection each. A worker asks for a
//! part of a file, writes the bytes to their place, and hands them to the thread that hashes the
//! file in order. So the file is hashed up to a place, and parts are ahead of that place by at most
//! a share of the window.

mod begin;
mod body;
mod check;
mod checksum;
mod engine;
mod hash;
mod pace;
mod part;
mod range;
mod remote_file;
mod request;
mod state;
mod traffic;
mod trouble;
mod window;
mod worker;

pub(crate) use check::{Verdict, check};
pub(crate) use checksum::Checksum;
pub(crate) use engine::transfer;
pub(crate) use range::ByteRange;
pub(crate) use remote_file::RemoteFile;
pub(crate) use state::Done;
