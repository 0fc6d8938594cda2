//! Every bit of the indexes, and of each file of a managed model, flipped, one at a time.

use std::fs;
use std::path::Path;

use catalog_core::maintenance::Verify;
use catalog_core::{
    CatalogEntry, CatalogStore, Digest, EngineStore, FsCatalog, FsEngineStore, Import,
    ImportRequest, ModelId, VerificationOutcomeKind,
};

use sha2::{Digest as _, Sha256};

use crate::figure::{Extent, Measured, Outcome, Sabotage, Trial};
use crate::state::{prepare, source, write_over};
use crate::steps::Step;

pub(super) fn measure(trial: Trial) -> Outcome {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let root = &folder.path().join("root");
    prepare(root);
    let steps = [
        Step::PutA,
        Step::UpdateBoth,
        Step::PutEngine,
        Step::UpgradeEngine,
    ];
    let mut measured = Measured::of(trial);
    if let Err(error) = crate::steps::make_all(root, &steps) {
        measured.violation(error);
    }
    // A quick run takes every third bit, so that each of a byte's comes about.
    let stride = if trial.extent == Extent::Quick { 3 } else { 1 };
    let (mut flips, mut served) = (0, 0);
    let indexes: &[&str] = match trial.sabotage {
        Sabotage::Nothing => &["index.json", "engines.json"],
        // The sabotage is of the files whose checksum is at their end.
        _ => &[],
    };
    for name in indexes {
        let path = root.join(name);
        let good = fs::read(&path).expect("the index was written");
        for bit in (0..good.len() * 8).step_by(stride) {
            let mut bytes = good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, &bytes).expect("it can be written");
            flips += 1;
            if read(root, name) {
                served += 1;
                measured.violation(format!("{name}: bit {bit} flipped was served"));
            }
            measured.check(fs::read(&path).is_ok_and(|now| now == bytes), || {
                format!("{name}: bit {bit} flipped was overwritten")
            });
        }
        fs::write(&path, &good).expect("it can be written");
        measured.check(read(root, name), || {
            format!("{name} is not read when it is good")
        });
    }
    // A model is made for each flip, so a quick run takes fewer; of a byte's bits each comes about.
    let stride = if trial.extent == Extent::Quick { 43 } else { 1 };
    let (stored_flips, stored_served) = flip_stored(root, stride, trial.sabotage, &mut measured);
    flips += stored_flips;
    served += stored_served;
    measured.count("bits flipped", flips);
    measured.count("served as good", served);
    Outcome::Measured(measured)
}

/// Flips the bits of the files of a managed model. Returns the number of flips, and of models that
/// were served as good.
fn flip_stored(
    root: &Path,
    stride: usize,
    sabotage: Sabotage,
    measured: &mut Measured,
) -> (usize, usize) {
    let (mut flips, mut served) = (0, 0);
    let source = source(root);
    let store = || -> catalog_core::Result<(FsCatalog, CatalogEntry)> {
        let catalog = FsCatalog::new(root)?;
        catalog.pin(&"a".parse()?, "owner", "reason")?;
        let entry = catalog.import(&copied(&"m".parse()?, &source), &mut |_| Ok(()))?;
        catalog.verify("m", Verify::Full, &mut |_| Ok(()))?;
        Ok((catalog, entry))
    };
    let (catalog, entry) = match store() {
        Ok(stored) => stored,
        Err(error) => {
            measured.violation(error.to_string());
            return (0, 0);
        }
    };
    let digest = entry
        .digest
        .clone()
        .unwrap_or_else(|| unreachable!("it was imported"));
    let manifest = entry
        .local_path
        .parent()
        .map(|files| files.with_file_name("manifest.json"))
        .unwrap_or_default();
    let is_proof = |catalog: &FsCatalog| {
        let found = catalog.verify("m", Verify::Quick, &mut |_| Ok(()));
        found.is_ok_and(|found| found.outcome.kind == VerificationOutcomeKind::Pass)
    };
    // Each file, and whether what is read of it is taken for good.
    type Taken<'t> = &'t dyn Fn() -> bool;
    let files: [(std::path::PathBuf, Taken<'_>); 4] = [
        (manifest, &|| {
            let manifests = catalog.artifacts().manifests();
            manifests.is_ok_and(|all| all.iter().all(|stored| stored.manifest.is_ok()))
        }),
        (root.join("pins.json"), &|| {
            FsCatalog::new(root)
                .and_then(|catalog| catalog.pins())
                .is_ok()
        }),
        (entry.local_path.clone(), &|| is_proof(&catalog)),
        // A blob that has rotted is not given to the next model of its bytes.
        (entry.local_path.clone(), &|| {
            let id = "n".parse().expect("it is an id");
            let request = copied(&id, &source);
            let other = catalog.import(&request, &mut |_| Ok(()));
            let is_good = other.as_ref().is_ok_and(|other| {
                Digest::of_file(&other.local_path).is_ok_and(|found| found == digest)
            });
            !is_good
        }),
    ];
    for (path, is_taken) in files {
        if let Err(error) = store() {
            measured.violation(error.to_string());
        }
        let good = fs::read(&path).expect("it was written");
        for bit in (0..good.len() * 8).step_by(stride) {
            // Made anew, as what fails is moved aside and what is replaced has other bytes.
            if let Err(error) = store() {
                measured.violation(error.to_string());
            }
            let mut bytes = good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            if sabotage == Sabotage::LateChecksum {
                seal_again(&mut bytes);
            }
            write_over(&path, &bytes);
            flips += 1;
            if is_taken() {
                served += 1;
                measured.violation(format!("{}: bit {bit} flipped was served", path.display()));
            }
            if path.exists() {
                write_over(&path, &good);
            }
            if measured.is_hopeless() {
                return (flips, served);
            }
        }
    }
    (flips, served)
}

fn copied<'r>(id: &'r ModelId, source: &'r Path) -> ImportRequest<'r> {
    let mut request = ImportRequest::new(id, source);
    request.how = Import::Copy;
    request
}

/// Computes the checksum at the end of a file anew, if there is one.
fn seal_again(bytes: &mut [u8]) {
    const FIELD: &[u8] = b",\"checksum\":\"sha256:";
    let place = bytes.windows(FIELD.len()).position(|part| part == FIELD);
    if let Some(place) = place {
        let digits = hex::encode(Sha256::digest(&bytes[..place]));
        let begin = place + FIELD.len();
        if let Some(old) = bytes.get_mut(begin..begin + digits.len()) {
            old.copy_from_slice(digits.as_bytes());
        }
    }
}

fn read(root: &Path, name: &str) -> bool {
    match name {
        "index.json" => FsCatalog::new(root)
            .and_then(|catalog| catalog.list())
            .is_ok(),
        _ => FsEngineStore::new(root)
            .and_then(|engines| engines.list())
            .is_ok(),
    }
}
