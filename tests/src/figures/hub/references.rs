//! The models that references name, and their fetches.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use catalog_core::{Basis, CatalogStore, FsCatalog, ModelRef, VerificationOutcomeKind};
use model_provisioner::{EngineView, Freshness, Handoff, Provided, ProvisionRequest};

use super::Case;
use super::bench::{Bench, REPOSITORY, bytes, repository, same};
use crate::hub::{Repo, RepoFile};

pub(super) const CASES: &[(&str, Case)] = &[
    ("a whole repository", whole_repository),
    ("a single file", single_file),
    ("a shard set", shard_set),
    ("a folder", folder),
    ("a pinned revision", pinned_revision),
    ("a branch that moved", moved_branch),
    ("a repair", repair),
    ("two models with the same bytes", shared_bytes),
];

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// The names of all files below a folder.
pub(super) fn names_below(folder: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(name) = path.strip_prefix(folder) {
                names.insert(name.to_string_lossy().into_owned());
            }
        }
    }
    names
}

pub(super) fn names<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.into_iter().map(str::to_owned).collect()
}

fn whole_repository(bench: &Bench) -> Result<(), String> {
    let report = bench.provision("hf:org/repo")?;
    let commit = repository().commit();
    same(report.provided, Provided::Fetched, "satisfied")?;
    same(
        report.revision.as_deref(),
        Some(commit.as_str()),
        "revision",
    )?;
    same(report.assurance.basis, Basis::SourceHash, "proof")?;
    same(
        report.outcome.kind,
        VerificationOutcomeKind::Pass,
        "outcome",
    )?;
    let all = names([
        "config.json",
        "weights.bin",
        "q4/tiny-00001-of-00002.gguf",
        "q4/tiny-00002-of-00002.gguf",
        "tokenizer/vocab.txt",
        "tokenizer/merges.bin",
    ]);
    let path = report.resolved.local_path;
    same(names_below(&path), all, "files")?;
    let weights = fs::read(path.join("weights.bin")).map_err(text)?;
    same(weights == bytes(300_000, 1), true, "the weights are right")?;
    bench.check_no_staging()?;

    // The same content under another reference shares its bytes, and neither asks again.
    bench.provision("hf:org/repo@main")?;
    bench.hub.forget();
    let second = bench.provision("hf://org/repo")?;
    same(second.provided, Provided::AlreadyPresent, "satisfied again")?;
    same(second.revision, Some(commit), "revision again")?;
    same(bench.hub.seen().len(), 0, "requests of a second call")
}

fn single_file(bench: &Bench) -> Result<(), String> {
    let report = bench.provision("hf:org/repo/weights.bin")?;
    let path = &report.resolved.local_path;
    same(path.ends_with("files/weights.bin"), true, "the path")?;
    same(report.assurance.basis, Basis::SourceHash, "proof")?;
    same(report.staged_bytes, 300_000, "bytes")?;
    same(
        bench.hub.downloads_of("config.json"),
        0,
        "other files fetched",
    )?;
    let small = bench.provision("hf:org/repo/config.json")?;
    same(
        small.assurance.basis,
        Basis::SourceHash,
        "proof of a small file",
    )?;
    bench.hub.forget();
    let again = bench.provision("hf:org/repo/weights.bin")?;
    same(again.provided, Provided::AlreadyPresent, "satisfied again")?;
    same(bench.hub.seen().len(), 0, "requests of a second call")
}

fn shard_set(bench: &Bench) -> Result<(), String> {
    let report = bench.provision("hf:org/repo/q4/tiny-00002-of-00002.gguf")?;
    let path = &report.resolved.local_path;
    same(
        path.ends_with("files/q4/tiny-00001-of-00002.gguf"),
        true,
        "the first",
    )?;
    let second = path.with_file_name("tiny-00002-of-00002.gguf");
    same(second.exists(), true, "the second is beside it")?;
    let handoff = Handoff::of(&report).map_err(text)?;
    same(handoff.document().view, EngineView::FirstShard, "view")?;
    same(handoff.document().size, 128, "size of both")
}

fn folder(bench: &Bench) -> Result<(), String> {
    let report = bench.provision("hf:org/repo/tokenizer")?;
    let found = names_below(&report.resolved.local_path);
    same(found, names(["vocab.txt", "merges.bin"]), "files")?;
    same(report.assurance.basis, Basis::SourceHash, "proof")?;
    same(
        bench.hub.downloads_of("weights.bin"),
        0,
        "other files fetched",
    )
}

fn pinned_revision(bench: &Bench) -> Result<(), String> {
    let old = Repo::default().with("weights.bin", RepoFile::large(bytes(1_000, 9)));
    bench.hub.put(REPOSITORY, "v1.0", old.clone());
    bench.hub.put(REPOSITORY, "refs/pr/1", old.clone());
    for revision in ["v1.0".to_owned(), old.commit()] {
        let report = bench.provision(&format!("hf:org/repo@{revision}/weights.bin"))?;
        same(report.revision, Some(old.commit()), "revision")?;
        let found = fs::read(&report.resolved.local_path).map_err(text)?;
        same(
            found == bytes(1_000, 9),
            true,
            "the bytes are of the revision",
        )?;
    }
    Ok(())
}

fn moved_branch(bench: &Bench) -> Result<(), String> {
    let first = bench.provision("hf:org/repo/weights.bin")?;
    let provisioner = bench.provisioner()?;
    let model_ref: ModelRef = "hf:org/repo/weights.bin".parse().map_err(text)?;
    let again = ProvisionRequest::new(model_ref).freshness(Freshness::Revalidate);
    let downloads = bench.hub.downloads_of("weights.bin");
    let unmoved = provisioner.provision(&again).map_err(text)?;
    same(unmoved.provided, Provided::AlreadyPresent, "not moved")?;
    same(
        bench.hub.downloads_of("weights.bin"),
        downloads,
        "downloads",
    )?;

    let moved = repository().with("weights.bin", RepoFile::large(bytes(300_000, 7)));
    bench.hub.put(REPOSITORY, "main", moved.clone());
    let stays = bench.provision("hf:org/repo/weights.bin")?;
    same(
        stays.revision,
        first.revision,
        "what is here is good enough by default",
    )?;
    let now = provisioner.provision(&again).map_err(text)?;
    same(now.revision, Some(moved.commit()), "the new commit")?;
    same(now.provided, Provided::Fetched, "satisfied")?;
    let found = fs::read(&now.resolved.local_path).map_err(text)?;
    same(found == bytes(300_000, 7), true, "the new bytes")
}

fn repair(bench: &Bench) -> Result<(), String> {
    let first = bench.provision("hf:org/repo")?;
    let path = first.resolved.local_path.join("weights.bin");
    // Of the folder, and of the blob that it is a link to.
    fs::remove_file(&path).map_err(text)?;
    let blobs = names_below(&bench.root().join("blobs"));
    for blob in blobs {
        let blob = bench.root().join("blobs").join(blob);
        if fs::metadata(&blob).is_ok_and(|metadata| metadata.len() == 300_000) {
            fs::remove_file(blob).map_err(text)?;
        }
    }
    // The branch moved: what is repaired is of the commit that is here.
    let moved = repository().with("weights.bin", RepoFile::large(bytes(300_000, 7)));
    bench.hub.put(REPOSITORY, "main", moved);
    bench.hub.forget();
    let report = bench.provision("hf:org/repo")?;
    same(report.provided, Provided::Repaired, "satisfied")?;
    same(report.staged_bytes, 300_000, "bytes")?;
    same(report.revision, first.revision, "revision")?;
    same(bench.hub.downloads_of("vocab.txt"), 0, "good files fetched")?;
    let found = fs::read(&path).map_err(text)?;
    same(found == bytes(300_000, 1), true, "the bytes")?;
    bench.check_no_staging()
}

fn shared_bytes(bench: &Bench) -> Result<(), String> {
    bench.hub.put("other/copy", "main", repository());
    let first = bench.provision("hf:org/repo")?;
    let second = bench.provision("hf:other/copy")?;
    let inode = |path: &Path| {
        use std::os::unix::fs::MetadataExt;
        fs::metadata(path.join("weights.bin")).map(|metadata| metadata.ino())
    };
    let inodes = [&first, &second].map(|report| inode(&report.resolved.local_path).ok());
    same(
        inodes[0].is_some() && inodes[0] == inodes[1],
        true,
        "one file",
    )?;
    let catalog = FsCatalog::new(bench.root()).map_err(text)?;
    // The report holds the model.
    drop(first);
    same(
        catalog.delete("hf:org/repo").map_err(text)?,
        true,
        "deleted",
    )?;
    let left = fs::read(second.resolved.local_path.join("weights.bin")).map_err(text)?;
    same(left.len(), 300_000, "the other model's file")
}
