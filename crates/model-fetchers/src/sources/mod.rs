//! The sources of models. A source answers two questions: which files does a model have, and how is
//! a file requested. The transfer engine does the rest.

#[cfg(feature = "http")]
mod http;
#[cfg(feature = "hf")]
mod hub;

#[cfg(feature = "http")]
pub use http::HttpFetcher;
#[cfg(feature = "hf")]
pub use hub::HfFetcher;
