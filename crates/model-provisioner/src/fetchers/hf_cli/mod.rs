//! Models of the Hugging Face hub, by the hub's own command.
//!
//! The command downloads into a staging area and compares sizes only. This fetcher then compares each
//! downloaded file with the hash that the hub states: the command notes the hash beside the file, as
//! the `ETag`, with the commit. For a large file that is the SHA-256, for a small one the object id of
//! git.
//!
//! | module | what lives there |
//! | --- | --- |
//! | `process` | a child in a process group of its own, which does not outlive this process |
//! | `output` | the output of a child, bounded and in memory |
//! | `tool` | the installed command, and the abilities of its version |
//! | `settings` | the hub that the command asks, and the token |
//! | `cli_error` | typed errors of its messages |
//! | `redact` | its output without secrets |
//! | `records` | the statements of the hub about the downloaded files |
//! | `selection` | the files of a repository that a reference names |
//! | `commands` | the commands about one repository |
//! | `download_check` | the checks of a finished download |
//! | `fetcher` | the fetcher |

mod cli_error;
mod commands;
mod download_check;
mod fetcher;
mod output;
mod process;
mod records;
mod redact;
mod selection;
mod settings;
mod tool;

pub use fetcher::HfCliFetcher;
