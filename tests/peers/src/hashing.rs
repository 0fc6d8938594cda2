//! Hashing a file and a folder, with warm caches, beside the commands that people use.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use catalog_core::Digest;

use crate::measure::{Contender, alternate};
use crate::table::{Row, Table};

/// Measures the rows; `scale` divides the sizes.
pub fn measure(scale: usize, table: &mut Table) {
    let folder = tempfile::tempdir_in(".").expect("a folder can be made here");
    let file = folder.path().join("file.bin");
    let size = (1_usize << 30) / scale;
    fill(&file, size, 1);
    let openssl = |path: &Path| {
        vec![
            "openssl".to_owned(),
            "dgst".to_owned(),
            "-sha256".to_owned(),
            text(path),
        ]
    };
    let sha256sum = |path: &Path| vec!["sha256sum".to_owned(), text(path)];
    table.add(Row {
        work: format!("hash a file of {} MiB", size >> 20),
        size: None,
        stats: alternate(vec![
            Contender::new("Digest::of_file", 1, |_| {
                Digest::of_file(&file).expect("it can be read");
            }),
            Contender::new("openssl dgst -sha256", 1, |_| run(&openssl(&file))),
            Contender::new("sha256sum", 1, |_| run(&sha256sum(&file))),
        ]),
    });
    fs::remove_file(&file).expect("it can be removed");

    let model = folder.path().join("model");
    fs::create_dir(&model).expect("it can be made");
    let size = (256_usize << 20) / scale;
    let files: Vec<_> = (0..8)
        .map(|number| model.join(format!("{number}.bin")))
        .collect();
    for (number, file) in files.iter().enumerate() {
        fill(file, size, number as u8);
    }
    let mut all = vec!["sha256sum".to_owned()];
    all.extend(files.iter().map(|file| text(file)));
    let mut contenders = vec![
        Contender::new("Digest::of_tree", 1, |_| {
            Digest::of_tree(&model).expect("it can be read");
        }),
        Contender::new("sha256sum of all", 1, |_| run(&all)),
    ];
    let signer = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../target/hub-tools/signing/bin/model_signing");
    if signer.exists() {
        let script = "
import sys
from model_signing import hashing
hashing.Config().hash(sys.argv[1])
";
        let python = text(&signer.with_file_name("python"));
        let words = vec![python, "-c".to_owned(), script.to_owned(), text(&model)];
        contenders.push(Contender::new("model_signing", 1, move |_| run(&words)));
    } else {
        table.skip("model_signing", "it is not in target/hub-tools/signing");
    }
    table.add(Row {
        work: format!("hash a folder of 8 x {} MiB", size >> 20),
        size: None,
        stats: alternate(contenders),
    });
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn run(words: &[String]) {
    let status = Command::new(&words[0])
        .args(&words[1..])
        .stdout(Stdio::null())
        .status()
        .expect("it is installed");
    assert!(status.success(), "{words:?}");
}

fn fill(path: &Path, size: usize, seed: u8) {
    let mut file = File::create(path).expect("it can be made");
    let piece: Vec<u8> = (0..1_usize << 20)
        .map(|at| (at % 251) as u8 ^ seed)
        .collect();
    let mut left = size;
    while left > 0 {
        let len = left.min(piece.len());
        file.write_all(&piece[..len]).expect("it can be written");
        left -= len;
    }
    file.sync_all().expect("it can be synced");
}
