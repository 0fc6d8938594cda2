//! Any bytes as an index: as they are, or as entries whose checksums are right, so that what lies
//! behind those is reached. What loads can be changed, and is then read back with the change.

#![no_main]

use std::fs;

use catalog_core::{CatalogEntry, CatalogStore, FsCatalog, LifecycleState};
use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha256};

fuzz_target!(|data: (bool, &[u8])| {
    let (is_framed, bytes) = data;
    let root = tempfile::tempdir_in("/dev/shm").expect("a folder can be made");
    let bytes = if is_framed { framed(bytes) } else { bytes.to_vec() };
    fs::write(root.path().join("index.json"), &bytes).expect("a file can be written");
    let Ok(catalog) = FsCatalog::new(root.path()) else {
        let now = fs::read(root.path().join("index.json")).expect("it is there");
        assert_eq!(now, bytes, "what is refused is left as it was");
        return;
    };
    let before = catalog.list().expect("it was read before");
    let entry = CatalogEntry {
        id: "hf:fuzz/fuzz".to_owned(),
        local_path: "models/fuzz".into(),
        lifecycle: LifecycleState::Active,
        digest: None,
        last_verified_ms: None,
    };
    catalog.put(&entry).expect("what loads can be changed");
    let reopened = FsCatalog::new(root.path()).expect("what was written is read");
    let mut after = reopened.list().expect("what was written is read");
    after.retain(|found| found.id != entry.id);
    let mut kept = before;
    kept.retain(|found| found.id != entry.id);
    assert_eq!(after, kept);
});

/// The lines of the input as entries of a version 1 index.
fn framed(bytes: &[u8]) -> Vec<u8> {
    let sha256 = |bytes: &[u8]| hex::encode(Sha256::digest(bytes));
    let head = b"{\"version\":1,\"generation\":1,\"entries\":{".to_vec();
    let mut hashed = head.clone();
    let mut index = head;
    for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let sum = &sha256(line)[..16];
        hashed.extend_from_slice(sum.as_bytes());
        index.extend_from_slice(if number == 0 { b"\n" } else { b",\n" });
        index.extend_from_slice(line);
        index.extend_from_slice(format!(",\"sum\":\"{sum}\"}}").as_bytes());
    }
    index.extend_from_slice(format!("\n}},\"checksum\":\"sha256:{}\"}}\n", sha256(&hashed)).as_bytes());
    index
}
