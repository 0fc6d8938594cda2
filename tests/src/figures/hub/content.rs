//! Models as people upload them: the same checks as in place and imported.

use std::fs;

use super::Case;
use super::bench::{Bench, REPOSITORY, bytes, same};
use crate::hub::{Repo, RepoFile};

pub(super) const CASES: &[(&str, Case)] = &[
    ("wrong content in the place of a file", wrong),
    ("files that are no part of a model", no_part),
    ("a left-over index of shards", left_over),
    ("sets of shards of every ending", shards),
    ("names of other systems", names),
    ("other spellings", spellings),
];

const POINTER: &str =
    "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935\nsize 12345\n";

/// Provisions the only repository, which has these files.
fn with(bench: &Bench, files: &[(&str, &[u8])]) {
    let repo = files.iter().fold(Repo::default(), |repo, (name, content)| {
        repo.with(name, RepoFile::large(*content))
    });
    bench.hub.put(REPOSITORY, "main", repo);
}

fn wrong(bench: &Bench) -> Result<(), String> {
    let mut cut = b"GGUF".to_vec();
    cut.extend(3_u32.to_le_bytes());
    cut.extend(1_u64.to_le_bytes());
    cut.extend(0_u64.to_le_bytes());
    cut.extend(1_u64.to_le_bytes());
    cut.push(b'w');
    cut.extend(1_u32.to_le_bytes());
    cut.extend(4096_u64.to_le_bytes());
    cut.extend(0_u32.to_le_bytes());
    cut.extend(0_u64.to_le_bytes());
    cut.extend([0; 40]);
    let header = b"{\"w\":{\"dtype\":\"F32\",\"shape\":[4096],\"data_offsets\":[0,4]}}";
    let mut disagrees = (header.len() as u64).to_le_bytes().to_vec();
    disagrees.extend(header);
    disagrees.extend([0; 4]);
    for (name, content, words) in [
        ("tokenizer.model", POINTER.as_bytes(), "git lfs pull"),
        ("model.gguf", b"<!DOCTYPE html><html>", "a web page"),
        ("model.gguf", &cut, "cut off"),
        ("model.safetensors", &disagrees, "shape"),
        ("model.gguf.part1of2", b"half", "join all parts"),
        ("model.safetensors.incomplete", b"half", "not finished"),
    ] {
        with(bench, &[("config.json", b"{}"), (name, content)]);
        let error = bench.refuses("hf:org/repo", "format_refused")?;
        let is_told = error.contains(words) && error.contains(name);
        same(
            (is_told, error.contains("/staging/")),
            (true, false),
            &error,
        )?;
    }
    Ok(())
}

fn no_part(bench: &Bench) -> Result<(), String> {
    let files: &[(&str, &[u8])] = &[
        ("model.bin", b"weights"),
        (".gitattributes", b"*.bin filter=lfs"),
        ("._model.bin", b"a fork"),
        (".DS_Store", b"a desktop"),
        ("model.bin.lock", b""),
    ];
    with(bench, files);
    let report = bench.provision("hf:org/repo")?;
    let names = fs::read_dir(&report.resolved.local_path).map_err(|error| error.to_string())?;
    let names: Vec<_> = names.flatten().map(|entry| entry.file_name()).collect();
    same(names, vec!["model.bin".into()], "files of the model")
}

fn left_over(bench: &Bench) -> Result<(), String> {
    let index: &[u8] = b"{\"weight_map\":{\"w\":\"pytorch_model-00001-of-00002.bin\"}}";
    let left: &[(&str, &[u8])] = &[
        ("model.bin", b"weights"),
        ("pytorch_model.bin.index.json", index),
        ("search.index.json", b"[1,2]"),
    ];
    with(bench, left);
    bench.provision("hf:org/repo").map(drop)
}

fn shards(bench: &Bench) -> Result<(), String> {
    let sets = [
        (
            "m-00001-of-00002.safetensors",
            "m-00002-of-00002.safetensors",
        ),
        ("m-00001-of-00002.bin", "m-00002-of-00002.bin"),
    ];
    let (a, b) = (bytes(100, 1), bytes(100, 2));
    for (first, second) in sets {
        with(bench, &[("config.json", b"{}"), (first, &a)]);
        let error = bench.refuses("hf:org/repo", "artifact_incomplete")?;
        same(error.contains(second), true, &error)?;
    }
    for (first, second) in sets {
        with(bench, &[(first, &a), (second, &b)]);
        let report = bench.provision(&format!("hf:org/repo/{second}"))?;
        let path = report.resolved.local_path;
        let both = path.ends_with(first) && path.with_file_name(second).exists();
        same(both, true, &path.display().to_string())?;
    }
    Ok(())
}

fn names(bench: &Bench) -> Result<(), String> {
    let files: &[(&str, &[u8])] = &[
        ("aux", b"1"),
        ("ab:c.bin", b"2"),
        ("Model.bin", b"3"),
        ("model.bin", b"4"),
    ];
    with(bench, files);
    let report = bench.provision("hf:org/repo")?;
    for (name, content) in files {
        let path = report.resolved.local_path.join(name);
        same(fs::read(path).ok().as_deref(), Some(*content), name)?;
    }
    Ok(())
}

fn spellings(bench: &Bench) -> Result<(), String> {
    with(bench, &[("m.gguf", b"weights")]);
    for text in [
        "hf.co/org/repo:Q4_K_M",
        "https://huggingface.co/org/repo/tree/main",
    ] {
        let error = bench.refuses(text, "invalid_ref")?;
        same(error.contains("hf:org/repo"), true, &error)?;
    }
    Ok(())
}
