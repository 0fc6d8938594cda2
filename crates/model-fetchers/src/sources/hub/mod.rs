//! The Hugging Face hub: the files of a repository, and their addresses.
//!
//! | module | what lives there |
//! | --- | --- |
//! | `fetcher` | the fetcher |
//! | `repository` | a repository at the hub: its commit, its files, their addresses |
//! | `listing` | the listing of a commit as the hub states it |
//! | `api` | the requests to the hub that return JSON |
//! | `refusal` | the meaning of a refusal |

mod api;
mod fetcher;
mod listing;
mod refusal;
mod repository;

pub use fetcher::HfFetcher;
