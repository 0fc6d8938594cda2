use std::fs;
use std::os::unix::net::UnixListener;
use std::path::Path;

use catalog_core::{CatalogError, Digest, DigestAlgorithm, DigestError, Hasher};

/// The example values of FIPS 180-4's published test data, and of no bytes.
const VECTORS: [(&str, &str, &str); 2] = [
    (
        "",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce\
         47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
    ),
    (
        "abc",
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
         2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
    ),
];

fn compute(path: &Path, algorithm: DigestAlgorithm) -> Digest {
    Digest::compute(path, algorithm, &mut |_| {}).unwrap()
}

/// CAT-220
#[test]
fn sha256_and_sha512_compute_the_published_values() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    for (content, sha256, sha512) in VECTORS {
        fs::write(&path, content).unwrap();
        assert_eq!(
            Digest::of_file(&path).unwrap().to_string(),
            format!("sha256:{sha256}")
        );
        let digest = compute(&path, DigestAlgorithm::Sha512);
        assert_eq!(digest.to_string(), format!("sha512:{sha512}"));
    }
}

/// CAT-221
#[test]
fn a_file_of_many_chunks_is_hashed_as_its_pieces_are_and_tells_its_progress() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let content: Vec<u8> = (0..3_500_000u32).map(|i| (i * 7 % 251) as u8).collect();
    fs::write(&path, &content).unwrap();

    for (mut hasher, algorithm) in [
        (Hasher::new(), DigestAlgorithm::Sha256),
        (Hasher::sha512(), DigestAlgorithm::Sha512),
    ] {
        content.chunks(4099).for_each(|piece| hasher.update(piece));
        let mut steps = Vec::new();
        let digest = Digest::compute(&path, algorithm, &mut |p| steps.push((p.done, p.total)));
        assert_eq!(digest.unwrap(), hasher.finish());
        let total = content.len() as u64;
        assert!(steps.len() >= 3, "{steps:?}");
        assert!(steps.is_sorted_by(|a, b| a.0 < b.0), "{steps:?}");
        assert_eq!(steps.last(), Some(&(total, Some(total))));
    }
}

/// CAT-222
#[test]
fn what_cannot_be_hashed_is_a_typed_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "x").unwrap();
    let socket = folder.path().join("socket");
    let _listener = UnixListener::bind(&socket).unwrap();
    let missing = folder.path().join("missing");
    for (path, code) in [
        (missing.as_path(), "artifact_missing"),
        (socket.as_path(), "artifact_unusable"),
        (Path::new("/dev/zero"), "artifact_unusable"),
    ] {
        let error = Digest::of_file(path).unwrap_err();
        assert_eq!(error.code(), code);
        assert!(
            error.to_string().contains(path.to_str().unwrap()),
            "{error}"
        );
    }
    for (path, algorithm) in [
        (folder.path(), DigestAlgorithm::Sha256),
        (folder.path(), DigestAlgorithm::Sha512),
        (file.as_path(), DigestAlgorithm::Sha256Tree),
    ] {
        let error = Digest::compute(path, algorithm, &mut |_| {}).unwrap_err();
        let is_wrong_kind = matches!(
            error,
            CatalogError::InvalidDigest(DigestError::WrongKind { .. })
        );
        assert!(is_wrong_kind, "{error}");
        assert!(
            error.to_string().contains(path.to_str().unwrap()),
            "{error}"
        );
    }
}

/// CAT-223
#[test]
fn a_file_that_changes_while_it_is_hashed_proves_nothing() {
    use std::io::Write;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let content = vec![1u8; 3 << 20];
    let append = || {
        let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"more").unwrap();
    };
    let cut = || {
        let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.set_len(2 << 20).unwrap();
    };
    let replace = || {
        let other = folder.path().join("other");
        fs::write(&other, vec![2u8; 3 << 20]).unwrap();
        fs::rename(other, &path).unwrap();
    };
    let remove = || fs::remove_file(&path).unwrap();
    let overwrite = || {
        let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        std::os::unix::fs::FileExt::write_at(&file, b"other", 0).unwrap();
        // As after some time, which a fast test does not take.
        file.set_modified(std::time::SystemTime::UNIX_EPOCH)
            .unwrap();
    };
    for change in [&append as &dyn Fn(), &cut, &replace, &remove, &overwrite] {
        fs::write(&path, &content).unwrap();
        let mut is_changed = false;
        let error = Digest::compute(&path, DigestAlgorithm::Sha256, &mut |_| {
            if !is_changed {
                change();
                is_changed = true;
            }
        })
        .unwrap_err();
        assert!(
            matches!(error, CatalogError::ArtifactChanged { .. }),
            "{error}"
        );
        assert!(error.is_retryable());
    }
}
