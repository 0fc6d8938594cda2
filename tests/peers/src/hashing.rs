//! Hashing a file and a folder, with warm caches, beside the commands that people use.

use std::fs;
use std::path::Path;

use catalog_core::Digest;

use crate::files::{GIB, MIB, command, fill, fill_folder, run};
use crate::measure::{Contender, ROUNDS, alternate};
use crate::measured::Row;
use crate::table::Table;
use crate::tools::SIGNER;
use crate::unit::Unit;

/// Measures the rows; `scale` divides the sizes.
pub fn measure(scale: usize, table: &mut Table) {
    let folder = tempfile::tempdir_in(".").expect("a folder can be made here");
    let file = folder.path().join("file.bin");
    let size = GIB / scale;
    fill(&file, size, 1);
    let contenders = vec![
        Contender::new("Digest::of_file", 1, |_| {
            Digest::of_file(&file).expect("it can be read");
        })
        .ours(),
        Contender::new("openssl dgst -sha256", 1, |_| openssl(&file)),
        Contender::new("sha256sum", 1, |_| {
            run(command("sha256sum").arg(&file));
        }),
    ];
    let work = format!("hash a file of {}", Unit::Bytes.show_tick(size as f64));
    table.add(Row::of_time(
        "hash-file",
        work,
        alternate(ROUNDS, contenders),
    ));
    fs::remove_file(&file).expect("it can be removed");

    let model = folder.path().join("model");
    let size = 256 * MIB / scale;
    let files = fill_folder(&model, 8, size);
    let mut contenders = vec![
        Contender::new("Digest::of_tree", 1, |_| {
            Digest::of_tree(&model).expect("it can be read");
        })
        .ours(),
        Contender::new("openssl, one file after the other", 1, |_| {
            files.iter().for_each(|file| openssl(file));
        }),
        Contender::new("sha256sum of all", 1, |_| {
            run(command("sha256sum").args(&files));
        }),
    ];
    match SIGNER.program("python") {
        Ok(python) => contenders.push(Contender::new("model_signing", 1, {
            let model = &model;
            move |_| {
                const SCRIPT: &str = "
import sys
from model_signing import hashing
hashing.Config().hash(sys.argv[1])
";
                run(command(&python).args(["-c", SCRIPT]).arg(model));
            }
        })),
        Err(why) => table.skip("model_signing", &why),
    }
    let work = format!(
        "hash a folder of 8 files of {}",
        Unit::Bytes.show_tick(size as f64)
    );
    table.add(Row::of_time(
        "hash-folder",
        work,
        alternate(ROUNDS, contenders),
    ));
}

fn openssl(path: &Path) {
    run(command("openssl").args(["dgst", "-sha256"]).arg(path));
}
