//! The fetcher of models of the Hugging Face hub. It runs the command of the hub.
//!
//! The command downloads files into a staging area, and compares only their sizes. Then the fetcher
//! compares each downloaded file with the hash that the hub states. The command writes this hash,
//! which is the `ETag` of the download, and the commit into a record beside the file. The hash of a
//! large file is its SHA-256. The hash of a small file is its object id in git.
//!
//! | module | content |
//! | --- | --- |
//! | `process` | the run of the command in its own process group, which ends with this process |
//! | `output` | the output of a command, kept in memory up to a limit |
//! | `tool` | the installed command, and the features of its version |
//! | `settings` | the URL of the hub, and the token |
//! | `cli_error` | the errors for the messages of the command |
//! | `redact` | the removal of secrets from its output |
//! | `records` | the statements of the hub about the downloaded files |
//! | `selection` | the files of a repository that a reference names |
//! | `commands` | the invocations of the command for one repository |
//! | `download_check` | the checks of a finished download |
//! | `move_files` | the moves of downloaded files to their places in the model |
//! | `fetcher` | the fetcher |

mod cli_error;
mod commands;
mod download_check;
mod fetcher;
mod move_files;
mod output;
mod process;
mod records;
mod redact;
mod selection;
mod settings;
mod tool;

pub use fetcher::HfCliFetcher;
