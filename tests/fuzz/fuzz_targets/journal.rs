//! Any bytes as the journal of an abandoned staging area: as they are, or as an object whose checksum
//! is right, or as a journal of the model with any names and numbers. A call that stages the model
//! takes at most the bytes that are there, and publishes the right bytes or none.

#![no_main]

use std::fs;

use catalog_core::maintenance::CollectionPolicy;
use catalog_core::{Expectation, FsCatalog, ModelRef};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

const NAME: &str = "m.bin";
const VERSION: &str = "etag \"a\" size 4096";
const SIZE: usize = 4096;

/// The form of the journal, the number of right bytes in the partial file, bytes for the journal,
/// and its files: whether they are the file and the version of the call, and their numbers of bytes.
type Input<'a> = (u8, u16, &'a [u8], Vec<(u8, &'a str, u64)>);

fuzz_target!(|input: Input<'_>| {
    let (form, there, bytes, files) = input;
    // A file without a byte is not kept.
    let there = 1 + usize::from(there) % SIZE;
    let content: Vec<u8> = (0..SIZE).map(|at| (at % 251) as u8).collect();
    let root = tempfile::tempdir_in("/dev/shm").expect("a folder can be made");
    let catalog = FsCatalog::new(root.path()).expect("a catalog can be made");
    let model = ModelRef::parse("https://example.org/m.bin").expect("it is a URL");
    let id = model.model_id().expect("it has an id");
    abandon(&catalog, &id, &content[..there]);
    let area = fs::read_dir(root.path().join("staging")).expect("it is there");
    let area = area.map(|entry| entry.expect("it is readable").path()).next().expect("it is abandoned");
    let journal = match form % 3 {
        0 => bytes.to_vec(),
        1 => sealed(bytes),
        _ => sealed(journal_of(id.as_str(), form, &files).to_string().as_bytes()),
    };
    fs::write(area.join("journal.json"), &journal).expect("a file can be written");
    plan(&catalog);
    let mut staging = catalog.artifacts().stage(&id, SIZE as u64).expect("there is room");
    let mut file = staging.resumable(NAME, VERSION).expect("a journal is no error");
    let mut kept = usize::try_from(file.kept()).expect("it fits");
    assert!(kept <= there, "{kept} bytes of {there} are kept");
    if !file.read_kept(&mut |_| Ok(())).expect("the bytes are there") {
        file.discard().expect("it can be removed");
        staging.ignore_earlier_bytes();
        file = staging.resumable(NAME, VERSION).expect("it can be made");
        kept = 0;
    }
    let writer = file.writer();
    writer.write_at(&content[kept..], kept as u64).expect("it can be written");
    file.hash(&content[kept..]);
    writer.keep(file.prefix()).expect("it can be kept");
    let digest = staging.complete(file).expect("it is complete");
    assert_eq!(digest.value, hex::encode(Sha256::digest(&content)));
    let verified = staging.verify(&Expectation::default(), &mut |_| Ok(()));
    let artifact = verified.and_then(|verified| verified.publish()).expect("it is right");
    assert_eq!(fs::read(artifact.path()).expect("it is published"), content);
    plan(&catalog);
});

/// Leaves a staging area with a partial file.
fn abandon(catalog: &FsCatalog, id: &catalog_core::ModelId, bytes: &[u8]) {
    let mut staging = catalog.artifacts().stage(id, 0).expect("there is room");
    let mut file = staging.resumable(NAME, VERSION).expect("it can be made");
    file.writer().write_at(bytes, 0).expect("it can be written");
    file.hash(bytes);
    file.writer().keep(file.prefix()).expect("it can be kept");
}

/// Plans a collection, which reads all journals.
fn plan(catalog: &FsCatalog) {
    catalog.plan_collection(&CollectionPolicy::default()).expect("a journal is no error");
}

fn journal_of(id: &str, form: u8, files: &[(u8, &str, u64)]) -> Value {
    let files = files.iter().map(|(kind, text, durable)| {
        let name = if kind % 2 == 0 { NAME } else { *text };
        let version = if kind / 2 % 2 == 0 { VERSION } else { *text };
        let content: Vec<u8> = (0..SIZE).map(|at| (at % 251) as u8).collect();
        let begin = usize::try_from(*durable).map_or(SIZE, |durable| durable.min(SIZE));
        // The hash is often the right one.
        let sha256 = match kind / 4 % 4 {
            0 => (*text).to_owned(),
            _ => hex::encode(Sha256::digest(&content[..begin])),
        };
        let partial = json!({ "source_version": version, "durable": durable, "sha256": sha256 });
        (name.to_owned(), partial)
    });
    let files: Map<String, Value> = files.collect();
    let version = if form / 3 % 8 == 0 { form } else { 1 };
    json!({ "version": version, "id": id, "files": files })
}

/// Seals an object as the store does.
fn sealed(object: &[u8]) -> Vec<u8> {
    let content = object.strip_suffix(b"}").unwrap_or(object);
    let digits = hex::encode(Sha256::digest(content));
    [content, b",\"checksum\":\"sha256:", digits.as_bytes(), b"\"}"].concat()
}
