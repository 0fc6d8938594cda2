mod file_fetcher;
