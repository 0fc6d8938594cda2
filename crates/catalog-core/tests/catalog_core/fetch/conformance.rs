//! The published suite, run by the fetcher of this crate.

use catalog_core::conformance::model_fetcher::FetcherUnderTest;
use catalog_core::{FileFetcher, ModelRef};

mod file_fetcher {
    use super::{FetcherUnderTest, FileFetcher, ModelRef};

    catalog_core::model_fetcher_conformance!(|folder| {
        let path = folder.join("model.bin");
        std::fs::write(&path, "weights").unwrap();
        FetcherUnderTest {
            fetcher: FileFetcher,
            present: ModelRef::File { path },
            content: b"weights".to_vec(),
            absent: ModelRef::File {
                path: folder.join("nothing.bin"),
            },
            foreign: Some(ModelRef::parse("hf:org/repo").unwrap()),
        }
    });
}
