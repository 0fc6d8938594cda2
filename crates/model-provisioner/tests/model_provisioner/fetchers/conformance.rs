//! The published suite, run by the fetchers of this crate and by a toy.

use std::path::Path;

use catalog_core::conformance::model_fetcher::FetcherUnderTest;
use catalog_core::{FileFetcher, FsCatalog, ModelRef};
use model_provisioner::{HfCliFetcher, SchemeRouter};

use super::fake_hf::FakeHub;
use crate::util::ToyFetcher;

fn hub_in(folder: &Path) -> FetcherUnderTest<HfCliFetcher> {
    let hub = FakeHub::new(&folder.join("hub"));
    hub.put("model.bin", "weights");
    let catalog = FsCatalog::new(folder.join("root")).unwrap();
    FetcherUnderTest {
        fetcher: hub.fetcher(catalog.artifacts()),
        present: ModelRef::parse("hf:org/repo/model.bin").unwrap(),
        content: b"weights".to_vec(),
        absent: ModelRef::parse("hf:org/repo/nothing.bin").unwrap(),
        foreign: Some(ModelRef::parse("s3://bucket/model.bin").unwrap()),
    }
}

mod hf_cli_fetcher {
    catalog_core::model_fetcher_conformance!(super::hub_in);
}

mod scheme_router {
    use super::{FetcherUnderTest, FileFetcher, SchemeRouter, hub_in};

    catalog_core::model_fetcher_conformance!(|folder| {
        let hub = hub_in(folder);
        let router = SchemeRouter::new().with(FileFetcher);
        FetcherUnderTest {
            fetcher: router.with(hub.fetcher),
            present: hub.present,
            content: hub.content,
            absent: hub.absent,
            foreign: hub.foreign,
        }
    });
}

mod toy_fetcher {
    use super::{FetcherUnderTest, ModelRef, ToyFetcher};

    catalog_core::model_fetcher_conformance!(|folder| FetcherUnderTest {
        fetcher: ToyFetcher::new(folder.join("model.bin"), "weights"),
        present: ModelRef::parse("hf:org/repo/model.bin").unwrap(),
        content: b"weights".to_vec(),
        absent: ModelRef::parse("hf:org/absent/model.bin").unwrap(),
        foreign: Some(ModelRef::parse("s3://bucket/model.bin").unwrap()),
    });
}
