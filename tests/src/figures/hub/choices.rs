//! Quantisations, and files that are chosen by patterns.

use std::collections::BTreeSet;

use catalog_core::{FilePatterns, FsCatalog, ModelRef};
use model_provisioner::{Handoff, Provided, ProvisionReport, ProvisionRequest};

use super::Case;
use super::bench::{Bench, REPOSITORY, chain, gguf, same};
use super::references::{names, names_below};
use crate::hub::{Repo, RepoFile};

pub(super) const CASES: &[(&str, Case)] = &[
    ("a quantisation", quantisation),
    ("a companion that is added later", companion),
    ("patterns", patterns),
    ("a union of two choices", union),
    ("a pinned choice", pinned),
];

/// A repository of two quantisations and two projectors.
pub(super) fn quantised() -> Repo {
    Repo::default()
        .with("README.md", RepoFile::small("# A model"))
        .with("tiny-Q4_K_M.gguf", RepoFile::large(gguf(1)))
        .with("tiny-Q8_0.gguf", RepoFile::large(gguf(2)))
        .with("mmproj-tiny-F16.gguf", RepoFile::large(gguf(3)))
        .with("mmproj-tiny-Q8_0.gguf", RepoFile::large(gguf(4)))
}

fn request(text: &str) -> ProvisionRequest {
    let model_ref: ModelRef = text.parse().expect("it is a reference");
    ProvisionRequest::new(model_ref)
}

fn including<const N: usize>(text: &str, patterns: [&str; N]) -> ProvisionRequest {
    request(text).files(FilePatterns::default().include(patterns))
}

fn provision(bench: &Bench, request: &ProvisionRequest) -> Result<ProvisionReport, String> {
    let done = bench.provisioner()?.provision(request);
    done.map_err(|error| chain(&error))
}

/// A command that lists no files refuses choices. Returns whether the client is such a command.
fn is_refused(bench: &Bench, request: &ProvisionRequest) -> Result<bool, String> {
    if !bench.client.is_old() {
        return Ok(false);
    }
    let error = bench.provisioner()?.provision(request).err();
    let error = error.ok_or("a command that lists no files made a choice")?;
    same(error.code(), "fetch_tool_missing", &chain(&error))?;
    Ok(true)
}

fn quantisation(bench: &Bench) -> Result<(), String> {
    bench.hub.put(REPOSITORY, "main", quantised());
    let asked = request("hf:org/repo:q4_k_m");
    if is_refused(bench, &asked)? {
        return Ok(());
    }
    let report = provision(bench, &asked)?;
    same(report.resolved.id.as_str(), "hf:org/repo:Q4_K_M", "id")?;
    let path = &report.resolved.local_path;
    same(path.ends_with("files/tiny-Q4_K_M.gguf"), true, "the path")?;
    let handoff = Handoff::of(&report).map_err(|error| chain(&error))?;
    let companions = handoff.document().companions.clone();
    let companions: Vec<_> = companions
        .iter()
        .filter_map(|path| path.file_name())
        .collect();
    same(
        companions,
        vec!["mmproj-tiny-Q8_0.gguf".as_ref()],
        "companions",
    )?;
    let catalog = FsCatalog::new(bench.root()).map_err(|error| chain(&error))?;
    let manifest = catalog.artifacts().manifest_at(path);
    let manifest = manifest
        .map_err(|error| chain(&error))?
        .ok_or("no manifest")?;
    same(
        manifest.provenance().companions,
        names(["mmproj-tiny-Q8_0.gguf"]),
        "companions in the manifest",
    )?;
    same(
        manifest.digest.algo.as_str(),
        "sha256",
        "the digest is of the model alone",
    )?;
    same(
        bench.hub.downloads_of("tiny-Q8_0.gguf"),
        0,
        "downloads of the other model",
    )?;
    bench.hub.forget();
    let again = provision(bench, &asked)?;
    same(again.provided, Provided::AlreadyPresent, "satisfied again")?;
    same(bench.hub.seen().len(), 0, "requests of a second call")?;
    let none = request("hf:org/repo:Q5_K_M");
    let error = bench
        .provisioner()?
        .provision(&none)
        .err()
        .ok_or("a model of no tag")?;
    same(error.code(), "fetch_file_not_found", &chain(&error))?;
    same(
        chain(&error).contains("tiny-Q8_0.gguf"),
        true,
        &chain(&error),
    )
}

fn companion(bench: &Bench) -> Result<(), String> {
    bench.hub.put(REPOSITORY, "main", quantised());
    let alone = request("hf:org/repo:Q8_0").without_companions();
    if is_refused(bench, &alone)? {
        return Ok(());
    }
    let first = provision(bench, &alone)?;
    let companions = |report: &ProvisionReport| {
        let handoff = Handoff::of(report).map_err(|error| chain(&error))?;
        Ok::<usize, String>(handoff.document().companions.len())
    };
    same(companions(&first)?, 0, "companions")?;
    let second = provision(bench, &request("hf:org/repo:Q8_0"))?;
    same(companions(&second)?, 1, "companions of the union")?;
    same(
        second.digest,
        first.digest,
        "the digest is that of the model",
    )?;
    same(
        bench.hub.downloads_of("tiny-Q8_0.gguf"),
        1,
        "downloads of the model",
    )?;
    let part = including("hf:org/repo:Q4_K_M", ["mmproj*"]);
    let error = bench
        .provisioner()?
        .provision(&part)
        .err()
        .ok_or("a model without itself")?;
    same(error.code(), "fetch_refused", &chain(&error))
}

fn patterns(bench: &Bench) -> Result<(), String> {
    let asked = including("hf:org/repo", ["*.json", "tokenizer/"]);
    if is_refused(bench, &asked)? {
        return Ok(());
    }
    let report = provision(bench, &asked)?;
    let chosen = names(["config.json", "tokenizer/vocab.txt", "tokenizer/merges.bin"]);
    same(
        names_below(&report.resolved.local_path),
        chosen.clone(),
        "files",
    )?;
    same(
        bench.hub.downloads_of("weights.bin"),
        0,
        "downloads of another file",
    )?;
    let catalog = FsCatalog::new(bench.root()).map_err(|error| chain(&error))?;
    let manifest = catalog.artifacts().manifest_at(&report.resolved.local_path);
    let manifest = manifest
        .map_err(|error| chain(&error))?
        .ok_or("no manifest")?;
    same(
        manifest.requested,
        chosen,
        "the requested files in the manifest",
    )?;
    bench.hub.forget();
    let again = provision(bench, &asked)?;
    same(again.provided, Provided::AlreadyPresent, "satisfied again")?;
    same(bench.hub.seen().len(), 0, "requests of a second call")?;
    let none = including("hf:org/repo/tokenizer", ["*.gguf"]);
    let error = bench
        .provisioner()?
        .provision(&none)
        .err()
        .ok_or("no file was chosen")?;
    same(error.code(), "fetch_file_not_found", &chain(&error))
}

fn union(bench: &Bench) -> Result<(), String> {
    let first_choice = including("hf:org/repo", ["*.json"]);
    if is_refused(bench, &first_choice)? {
        return Ok(());
    }
    let first = provision(bench, &first_choice)?;
    // The branch moves: the union is of the commit that is here.
    let moved = super::bench::repository().with("config.json", RepoFile::small("{\"a\": 1}"));
    bench.hub.put(REPOSITORY, "main", moved);
    let none = including("hf:org/repo", ["wieghts.bin"]);
    let error = bench
        .provisioner()?
        .provision(&none)
        .err()
        .ok_or("a misspelled pattern")?;
    same(error.code(), "fetch_file_not_found", &chain(&error))?;
    let second = provision(bench, &including("hf:org/repo", ["weights.bin"]))?;
    let both = names(["config.json", "weights.bin"]);
    same(
        names_below(&second.resolved.local_path),
        both,
        "files of the union",
    )?;
    same(
        second.revision.as_ref(),
        first.revision.as_ref(),
        "revision",
    )?;
    same(
        bench.hub.downloads_of("config.json"),
        1,
        "downloads of the first file",
    )?;
    same(
        names_below(&first.resolved.local_path),
        names(["config.json"]),
        "the first artifact stays while it is leased",
    )?;
    let all = provision(bench, &request("hf:org/repo"))?;
    same(names_below(&all.resolved.local_path).len(), 6, "all files")?;
    same(
        bench.hub.downloads_of("weights.bin"),
        1,
        "downloads of the weights",
    )?;
    bench.hub.forget();
    let again = provision(bench, &first_choice)?;
    same(
        again.resolved.local_path,
        all.resolved.local_path,
        "the set does not shrink",
    )?;
    same(bench.hub.seen().len(), 0, "requests of a call for less")
}

fn pinned(bench: &Bench) -> Result<(), String> {
    let chosen = including("hf:org/repo", ["*.json"]);
    if is_refused(bench, &chosen)? {
        return Ok(());
    }
    let digest = provision(bench, &including("hf:org/repo@main", ["*.json"]))?.digest;
    provision(bench, &chosen.expecting(digest))?;
    let more = request("hf:org/repo");
    let error = bench
        .provisioner()?
        .provision(&more)
        .err()
        .ok_or("a pin covered more files")?;
    same(error.code(), "pin_covers_fewer_files", &chain(&error))?;
    let of_all = provision(bench, &request("hf:org/repo@main"))?.digest;
    let all = provision(bench, &more.expecting(of_all))?;
    let files: BTreeSet<String> = names_below(&all.resolved.local_path);
    same(files.len(), 6, "files of the pinned union")
}
