//! The faults of hubs, networks and disks.

use std::fs;

use catalog_core::{CatalogStore, FsCatalog};
use model_provisioner::{Filter, Policy, Provided, ProvisionRequest};

use super::Case;
use super::bench::{Bench, REPOSITORY, TOKEN, bytes, chain, repository, same};
use crate::hub::{Faults, Hub, Repo, RepoFile};
use crate::mounts::Mount;

pub(super) const CASES: &[(&str, Case)] = &[
    ("a hub that is down", down),
    ("a hostile listing", hostile),
    ("cut connections", cut),
    ("a corrupt large file of the right size", corrupt_large),
    ("a corrupt small file of the right size", corrupt_small),
    ("a page of HTML for weights", login_page),
    ("a gated repository", gated),
    ("a repository that is not there", no_repository),
    ("a revision that is not there", no_revision),
    ("a file that is not there", no_file),
    ("a redirect to another host", redirect),
    ("a policy that forbids it", forbidden),
    ("a full disk", full_disk),
];

/// The cases of a command that is not there.
pub(super) const COMMAND_CASES: &[(&str, Case)] = &[
    ("no command", no_command),
    ("only the old command", only_one_command),
];

fn corrupt_large(bench: &Bench) -> Result<(), String> {
    let bad = repository().with("weights.bin", RepoFile::large(bytes(300_000, 1)).corrupt());
    bench.hub.put(REPOSITORY, "main", bad);
    bench.refuses("hf:org/repo", "digest_mismatch")?;
    bench.refuses("hf:org/repo/weights.bin", "digest_mismatch")?;
    // Once the hub is mended, nothing of it is in the way.
    bench.hub.put(REPOSITORY, "main", repository());
    bench.provision("hf:org/repo").map(drop)
}

fn corrupt_small(bench: &Bench) -> Result<(), String> {
    let bad = repository().with("config.json", RepoFile::small("{\"a\": 1}").corrupt());
    bench.hub.put(REPOSITORY, "main", bad);
    let error = bench.refuses("hf:org/repo/config.json", "digest_mismatch")?;
    same(error.contains("git-sha1:"), true, &error)?;
    bench.refuses("hf:org/repo", "digest_mismatch").map(drop)
}

fn login_page(bench: &Bench) -> Result<(), String> {
    let page = RepoFile::large("<!DOCTYPE html><html><body>Please sign in</body></html>");
    bench
        .hub
        .put(REPOSITORY, "main", Repo::default().with("m.gguf", page));
    bench
        .refuses("hf:org/repo/m.gguf", "format_refused")
        .map(drop)
}

fn gated(bench: &Bench) -> Result<(), String> {
    bench
        .hub
        .put(REPOSITORY, "main", repository().gated_by(TOKEN));
    bench.refuses("hf:org/repo", "fetch_access_denied")?;
    let provisioner = bench.provisioner_of(Some("hf_wrong"))?;
    let error = provisioner.ensure_present_str("hf:org/repo", None);
    let error = error.err().ok_or("a wrong token was let in")?;
    same(error.code(), "fetch_access_denied", &chain(&error))?;
    let provisioner = bench.provisioner_of(Some(TOKEN))?;
    let found = provisioner.ensure_present_str("hf:org/repo", None);
    found.map(drop).map_err(|error| chain(&error))
}

fn no_repository(bench: &Bench) -> Result<(), String> {
    let error = bench.refuses("hf:org/nothing", "fetch_not_found")?;
    same(error.contains("hf:org/nothing"), true, &error)
}

fn no_revision(bench: &Bench) -> Result<(), String> {
    bench
        .refuses("hf:org/repo@nothing", "fetch_revision_not_found")
        .map(drop)
}

fn no_file(bench: &Bench) -> Result<(), String> {
    bench
        .refuses("hf:org/repo/nothing.gguf", "fetch_file_not_found")
        .map(drop)
}

fn cut(bench: &Bench) -> Result<(), String> {
    bench.hub.fail(Faults {
        cut_bodies: 1_000,
        ..Faults::default()
    });
    match bench.try_provision("hf:org/repo/weights.bin") {
        Ok(_) => return Err("half a file was taken for a whole one".to_owned()),
        Err(error) if error.code() == "fetch_unreachable" => bench.check_empty()?,
        Err(error) => return Err(format!("{}: {}", error.code(), chain(&error))),
    }
    bench.hub.fail(Faults::default());
    let report = bench.provision("hf:org/repo/weights.bin")?;
    same(report.provided, Provided::Fetched, "satisfied")
}

fn redirect(bench: &Bench) -> Result<(), String> {
    let other = Hub::start().map_err(|error| error.to_string())?;
    other.put(REPOSITORY, "main", repository());
    bench
        .hub
        .put(REPOSITORY, "main", repository().gated_by(TOKEN));
    // By another name: the same host with another port may be told the token.
    let elsewhere = other.endpoint().replace("127.0.0.1", "localhost");
    bench.hub.fail(Faults {
        redirect_to: Some(elsewhere),
        ..Faults::default()
    });
    let provisioner = bench.provisioner_of(Some(TOKEN))?;
    let found = provisioner.ensure_present_str("hf:org/repo/weights.bin", None);
    found.map_err(|error| chain(&error))?;
    let told = other.seen().into_iter().find_map(|seen| seen.authorization);
    same(told, None, "the token that the other host was told")?;
    same(other.downloads_of("weights.bin") > 0, true, "it was asked")
}

fn hostile(bench: &Bench) -> Result<(), String> {
    let outside = bench.root().with_file_name("escaped");
    for name in [
        "../escaped",
        "../../escaped",
        "a/../../escaped",
        "/escaped",
        "..\\escaped",
        "C:x.json",
        "a\u{0}b",
    ] {
        let bad = repository().with(name, RepoFile::small("evil"));
        bench.hub.put(REPOSITORY, "main", bad);
        match bench.try_provision("hf:org/repo") {
            // The old command takes the path for a relative one by itself.
            Ok(report) if name.starts_with('/') && is_old(bench) => {
                let inside = report.resolved.local_path.join("escaped");
                same(inside.exists(), true, "it is where the others are")?;
                // The report holds the model.
                drop(report);
                let catalog = FsCatalog::new(bench.root()).map_err(|error| error.to_string())?;
                catalog
                    .delete("hf:org/repo")
                    .map_err(|error| error.to_string())?;
            }
            Ok(_) => return Err(format!("{name:?} was let in")),
            Err(_) => bench.check_empty()?,
        }
        same(outside.exists(), false, "a file outside")?;
    }
    Ok(())
}

fn down(bench: &Bench) -> Result<(), String> {
    bench.provision("hf:org/repo/weights.bin")?;
    bench.hub.fail(Faults {
        is_down: true,
        ..Faults::default()
    });
    let here = bench.provision("hf:org/repo/weights.bin")?;
    same(here.provided, Provided::AlreadyPresent, "what is here")?;
    let error = bench.try_provision("hf:org/repo/config.json").err();
    let error = error.ok_or("a hub that is down brought something")?;
    same(error.code(), "fetch_unreachable", &chain(&error))?;
    same(error.is_retryable(), true, "retryable")?;
    bench.check_no_staging()
}

fn forbidden(bench: &Bench) -> Result<(), String> {
    let mut offline = Policy::default();
    offline.offline = true;
    let mut organisations = Policy::default();
    organisations.outbound.organisations = Filter::except(["ORG"]);
    let mut hosts = Policy::default();
    hosts.outbound.hosts = Filter::only(["huggingface.co"]);
    let mut schemes = Policy::default();
    schemes.outbound.schemes = Filter::only(["file"]);
    let mut size = Policy::default();
    size.max_bytes = Some(1_000);
    for (policy, rule) in [
        (offline, "offline"),
        (organisations, "outbound.organisations.deny"),
        (hosts, "outbound.hosts.allow"),
        (schemes, "outbound.schemes.allow"),
        (size, "max_bytes"),
    ] {
        let provisioner = bench
            .provisioner()?
            .with_policy(policy)
            .map_err(|error| error.to_string())?;
        let request = ProvisionRequest::new("hf:org/repo".parse().expect("it is a reference"));
        let error = provisioner.provision(&request).err();
        let error = error.ok_or_else(|| format!("{rule} let it through"))?;
        same(error.code(), "policy_refused", &chain(&error))?;
        same(error.to_string().contains(rule), true, &error.to_string())?;
        bench.check_empty()?;
        if rule != "max_bytes" {
            same(bench.hub.seen().len(), 0, "requests")?;
        }
    }
    same(bench.hub.downloads_of("weights.bin"), 0, "downloads").or_else(|error| {
        // The old command tells no sizes beforehand: it is stopped once there is too much.
        match is_old(bench) {
            true => Ok(()),
            false => Err(error),
        }
    })
}

fn is_old(bench: &Bench) -> bool {
    bench.client.is_old()
}

fn full_disk(bench: &Bench) -> Result<(), String> {
    let disk = Mount::in_memory("size=256k").map_err(|reason| format!("skipped: {reason}"))?;
    let root = disk.path().join("root");
    let catalog = FsCatalog::new(&root).map_err(|error| error.to_string())?;
    let fetcher = bench.fetcher(&catalog)?;
    let provisioner = model_provisioner::ModelProvisioner::new(catalog, fetcher);
    let error = provisioner
        .ensure_present_str("hf:org/repo/weights.bin", None)
        .err();
    let error = error.ok_or("300 kB fit into 256 kB")?;
    let is_typed = ["no_space", "fetch_no_space"].contains(&error.code());
    same(
        is_typed,
        true,
        &format!("{}: {}", error.code(), chain(&error)),
    )?;
    same(error.is_retryable(), true, "retryable")?;
    let entries = provisioner.catalog().list();
    same(
        entries.map_err(|error| error.to_string())?.len(),
        0,
        "entries",
    )?;
    let small = provisioner.ensure_present_str("hf:org/repo/config.json", None);
    small.map(drop).map_err(|error| chain(&error))
}

fn no_command(bench: &Bench) -> Result<(), String> {
    let catalog = FsCatalog::new(bench.root()).map_err(|error| error.to_string())?;
    let empty = bench.root().with_file_name("empty");
    fs::create_dir_all(&empty).map_err(|error| error.to_string())?;
    let fetcher = model_provisioner::HfCliFetcher::new(catalog.artifacts()).search_path(empty);
    let provisioner = model_provisioner::ModelProvisioner::new(catalog, fetcher);
    let error = provisioner.ensure_present_str("hf:org/repo", None).err();
    let error = error.ok_or("nothing fetched it")?;
    same(error.code(), "fetch_tool_missing", &chain(&error))?;
    same(
        error.to_string().contains("pip install"),
        true,
        &error.to_string(),
    )
}

fn only_one_command(bench: &Bench) -> Result<(), String> {
    let folder = bench.root().with_file_name("bin");
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let tool = bench.client.argument();
    let name = tool.file_name().unwrap_or_default();
    std::os::unix::fs::symlink(tool, folder.join(name)).map_err(|error| error.to_string())?;
    let catalog = FsCatalog::new(bench.root()).map_err(|error| error.to_string())?;
    let fetcher = model_provisioner::HfCliFetcher::new(catalog.artifacts())
        .endpoint(bench.hub.endpoint())
        .search_path(folder);
    let provisioner = model_provisioner::ModelProvisioner::new(catalog, fetcher);
    let found = provisioner.ensure_present_str("hf:org/repo/config.json", None);
    found.map(drop).map_err(|error| chain(&error))
}
