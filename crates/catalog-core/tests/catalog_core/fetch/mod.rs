mod conformance;
mod file_fetcher;
mod stage_present;
