mod conformance;
pub(crate) mod fake_hf;
mod hf_cli;
mod scheme_router;
