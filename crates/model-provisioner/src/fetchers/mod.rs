//! Fetchers that a caller composes: nothing here is used unless somebody asks for it.

#[cfg(feature = "hf-cli")]
mod hf_cli;
mod scheme_router;

#[cfg(feature = "hf-cli")]
pub use hf_cli::HfCliFetcher;
pub use scheme_router::SchemeRouter;
