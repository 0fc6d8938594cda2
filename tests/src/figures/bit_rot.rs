//! Every bit of the indexes, and of each file of a managed model, flipped, one at a time.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use catalog_core::maintenance::Verify;
use catalog_core::{
    CatalogEntry, CatalogStore, Digest, EngineStore, FsCatalog, FsEngineStore, Import,
    ImportRequest, ModelId, VerificationOutcomeKind,
};

use crate::figure::{Extent, Measured, Outcome, Trial};
use crate::state::{prepare, source};
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
    let mut measured = Measured::default();
    if let Err(error) = crate::steps::make_all(root, &steps) {
        measured.violation(error);
    }
    // A quick run takes every third bit, so that each of a byte's comes about.
    let stride = if trial.extent == Extent::Quick { 3 } else { 1 };
    let (mut flips, mut served) = (0, 0);
    for name in ["index.json", "engines.json"] {
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
    let (stored_flips, stored_served) = flip_stored(root, stride, &mut measured);
    flips += stored_flips;
    served += stored_served;
    measured.count("bits flipped", flips);
    measured.count("served as good", served);
    Outcome::Measured(measured)
}

/// Flips the bits of the files of a managed model. Returns the number of flips, and of models that
/// were served as good.
fn flip_stored(root: &Path, stride: usize, measured: &mut Measured) -> (usize, usize) {
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
            write_over(&path, &bytes);
            flips += 1;
            if is_taken() {
                served += 1;
                measured.violation(format!("{}: bit {bit} flipped was served", path.display()));
            }
            if path.exists() {
                write_over(&path, &good);
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

/// Writes into a file though it is read-only.
fn write_over(path: &Path, bytes: &[u8]) {
    let mut permissions = fs::metadata(path).expect("it is there").permissions();
    permissions.set_mode(0o644);
    fs::set_permissions(path, permissions).expect("they can be set");
    fs::write(path, bytes).expect("it can be written");
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
