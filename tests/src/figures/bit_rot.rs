//! Every bit of both indexes flipped, one at a time.

use std::fs;
use std::path::Path;

use catalog_core::{CatalogStore, EngineStore, FsCatalog, FsEngineStore};

use crate::figure::{Extent, Measured, Outcome, Trial};
use crate::state::prepare;
use crate::steps::Step;

pub(super) fn measure(trial: Trial) -> Outcome {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let root = folder.path();
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
    measured.count("bits flipped", flips);
    measured.count("served as good", served);
    Outcome::Measured(measured)
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
