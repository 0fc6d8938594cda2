//! Models of the Hugging Face hub, by the hub's own command.
//!
//! The command downloads into a staging area. It compares sizes only, so what it brings is compared
//! here with the hashes that the hub stated: the command notes them beside each file, as the
//! `ETag`, with the commit. That of a large file is its SHA-256, that of a small one the hash that
//! git calls it by.
//!
//! | module | what lives there |
//! | --- | --- |
//! | `process` | a child in a process group of its own, which does not outlive this process |
//! | `output` | the output of a child, bounded and in memory |
//! | `tool` | which command is there, and what its version can do |
//! | `settings` | which hub it asks, with which token |
//! | `complaint` | from what it says to typed errors |
//! | `redact` | what it says without secrets |
//! | `records` | what the hub stated of the files that were brought |
//! | `wanted` | which files of a repository a reference names |
//! | `asking` | the questions that the command answers |
//! | `arrival` | what has to be so of files that were brought |
//! | `fetcher` | the fetcher |

mod arrival;
mod asking;
mod complaint;
mod fetcher;
mod output;
mod process;
mod records;
mod redact;
mod settings;
mod tool;
mod wanted;

pub use fetcher::HfCliFetcher;
