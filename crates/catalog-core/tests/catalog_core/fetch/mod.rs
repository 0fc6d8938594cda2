mod conformance;
mod file_fetcher;
