//! Fetchers that a caller can add to a provisioner. None of them is used by default.

#[cfg(feature = "hf-cli")]
mod hf_cli;
mod scheme_router;

#[cfg(feature = "hf-cli")]
pub use hf_cli::HfCliFetcher;
pub use scheme_router::SchemeRouter;
