//! The cases that only the fetcher of this project knows.

use catalog_core::{Basis, ModelRef, VerificationOutcomeKind};
use model_provisioner::{Freshness, Provided, ProvisionRequest};

use super::Case;
use super::bench::{Bench, REPOSITORY, TOKEN, bytes, chain, repository, same};
use super::references::names_below;
use crate::hub::{BAD_TOKEN, Faults, Hub, RepoFile};
use crate::web::WebServer;

pub(super) const CASES: &[(&str, Case)] = &[
    ("a listing of pages", pages),
    ("a listing that leads to itself", endless_listing),
    ("a listing that goes on elsewhere", foreign_listing),
    ("a mirror that names the hub", mirror),
    ("a repository of another name", renamed),
    ("a limit of requests", limited),
    ("a token that is none", bad_token),
    ("masked hashes", masked),
    ("the requests of a revalidation", revalidation),
    ("weights of another repository", same_weights),
    ("a size that the hub does not list", wrong_size),
    ("a commit that is none", no_commit),
    ("a file and a folder of one name", file_and_folder),
    ("a digest that the listing contradicts", contradicted),
];

fn pages(bench: &Bench) -> Result<(), String> {
    bench.hub.fail(Faults {
        page_size: 2,
        ..Faults::default()
    });
    let report = bench.provision("hf:org/repo")?;
    same(names_below(&report.resolved.local_path).len(), 6, "files")?;
    let lists = bench
        .hub
        .seen()
        .into_iter()
        .filter(|seen| seen.path.contains("/tree/"));
    same(lists.count(), 3, "pages")
}

fn endless_listing(bench: &Bench) -> Result<(), String> {
    for target in ["", "?recursive=true"] {
        bench.hub.fail(Faults {
            link_to: Some(target.to_owned()),
            ..Faults::default()
        });
        bench.refuses("hf:org/repo", "fetch_refused")?;
    }
    same(bench.hub.seen().len() < 10, true, "few requests")
}

fn foreign_listing(bench: &Bench) -> Result<(), String> {
    let other = Hub::start().map_err(|error| error.to_string())?;
    other.put(REPOSITORY, "main", repository());
    bench
        .hub
        .put(REPOSITORY, "main", repository().gated_by(TOKEN));
    bench.hub.fail(Faults {
        link_to: Some(format!(
            "{}/api/models/org/repo/tree/main",
            other.endpoint()
        )),
        ..Faults::default()
    });
    let provisioner = bench.provisioner_of(Some(TOKEN))?;
    let error = provisioner.ensure_present_str("hf:org/repo", None).err();
    let error = error.ok_or("a listing of two hosts was taken")?;
    same(error.code(), "fetch_refused", &chain(&error))?;
    same(other.seen().len(), 0, "requests at the other host")
}

fn mirror(bench: &Bench) -> Result<(), String> {
    bench
        .hub
        .put(REPOSITORY, "main", repository().gated_by(TOKEN));
    bench.hub.fail(Faults {
        page_size: 4,
        link_base: "https://huggingface.co".to_owned(),
        ..Faults::default()
    });
    let provisioner = bench.provisioner_of(Some(TOKEN))?;
    let done = provisioner.ensure_present_str("hf:org/repo", None);
    let path = done.map_err(|error| chain(&error))?.local_path;
    same(names_below(&path).len(), 6, "files")
}

fn renamed(bench: &Bench) -> Result<(), String> {
    bench.hub.put("new/name", "main", repository());
    bench.hub.fail(Faults {
        renamed_to: Some("new/name".to_owned()),
        ..Faults::default()
    });
    for reference in [
        "hf:org/repo".to_owned(),
        format!("hf:org/repo@{}", repository().commit()),
    ] {
        let error = bench.refuses(&reference, "fetch_renamed")?;
        same(error.contains("hf:new/name"), true, &error)?;
    }
    Ok(())
}

fn limited(bench: &Bench) -> Result<(), String> {
    let limited = |limited| Faults {
        limited,
        ..Faults::default()
    };
    bench.hub.fail(limited(1_000));
    let error = bench.try_provision("hf:org/repo").err();
    let error = error.ok_or("no limit held")?;
    same(error.code(), "fetch_rate_limited", &chain(&error))?;
    same(error.is_retryable(), true, "retryable")?;
    bench.hub.fail(limited(3));
    bench.provision("hf:org/repo").map(drop)
}

fn bad_token(bench: &Bench) -> Result<(), String> {
    let provisioner = bench.provisioner_of(Some(BAD_TOKEN))?;
    let error = provisioner.ensure_present_str("hf:org/repo", None).err();
    let error = error.ok_or("a token that is none was accepted")?;
    let text = chain(&error);
    same(error.code(), "fetch_access_denied", &text)?;
    let is_told = text.contains("does not accept the token") && !text.contains(BAD_TOKEN);
    same(is_told, true, &text)
}

fn masked(bench: &Bench) -> Result<(), String> {
    bench.hub.fail(Faults {
        masks_hashes: true,
        ..Faults::default()
    });
    let report = bench.provision("hf:org/repo")?;
    same(report.assurance.basis, Basis::Sizes, "proof")?;
    same(
        report.outcome.kind,
        VerificationOutcomeKind::Warn,
        "outcome",
    )
}

fn revalidation(bench: &Bench) -> Result<(), String> {
    let commit = repository().commit();
    for (reference, requests) in [
        ("hf:org/repo".to_owned(), 1),
        (format!("hf:org/repo@{commit}"), 0),
    ] {
        bench.provision(&reference)?;
        bench.hub.forget();
        let model_ref: ModelRef = reference.parse().map_err(|error| format!("{error}"))?;
        let again = ProvisionRequest::new(model_ref).freshness(Freshness::Revalidate);
        let report = bench.provisioner()?.provision(&again);
        let report = report.map_err(|error| chain(&error))?;
        same(report.provided, Provided::AlreadyPresent, "satisfied")?;
        same(bench.hub.seen().len(), requests, &reference)?;
    }
    Ok(())
}

fn same_weights(bench: &Bench) -> Result<(), String> {
    bench.provision("hf:org/repo")?;
    let other = repository().with(
        "config.json",
        RepoFile::small("{\"model_type\": \"other\"}"),
    );
    bench.hub.put("other/copy", "main", other);
    bench.hub.forget();
    let report = bench.provision("hf:other/copy")?;
    same(
        bench.hub.downloads_of("weights.bin"),
        0,
        "downloads of the weights",
    )?;
    same(report.bytes.reused >= 300_000, true, "reused bytes")
}

fn wrong_size(bench: &Bench) -> Result<(), String> {
    let listed = RepoFile::only_listed(7, &"a".repeat(64));
    bench
        .hub
        .put(REPOSITORY, "main", repository().with("weights.bin", listed));
    let error = bench.refuses("hf:org/repo/weights.bin", "fetch_refused")?;
    same(error.contains("weights.bin"), true, &error)
}

fn no_commit(bench: &Bench) -> Result<(), String> {
    let server = WebServer::start("127.0.0.1").map_err(|error| error.to_string())?;
    for sha in ["../../../x", "main", ""] {
        let info = format!("{{\"sha\": \"{sha}\", \"id\": \"org/repo\"}}");
        server.put(
            "/api/models/org/repo/revision/main",
            info.into_bytes(),
            None,
        );
        let catalog = catalog_core::FsCatalog::new(bench.root()).map_err(|error| chain(&error))?;
        let fetcher = bench.client.fetcher(&catalog, &server.url(""), None)?;
        let provisioner = model_provisioner::ModelProvisioner::new(catalog, fetcher);
        let error = provisioner.ensure_present_str("hf:org/repo", None).err();
        let error = error.ok_or_else(|| format!("{sha:?} was a commit"))?;
        same(error.code(), "fetch_refused", &chain(&error))?;
        bench.check_empty()?;
    }
    Ok(())
}

fn file_and_folder(bench: &Bench) -> Result<(), String> {
    let both = repository().with("weights.bin/inner.bin", RepoFile::large(bytes(10, 1)));
    bench.hub.put(REPOSITORY, "main", both);
    bench.refuses("hf:org/repo", "name_refused").map(drop)
}

fn contradicted(bench: &Bench) -> Result<(), String> {
    let model_ref: ModelRef = "hf:org/repo/weights.bin"
        .parse()
        .expect("it is a reference");
    let wrong = "sha256:".to_owned() + &"a".repeat(64);
    let request = ProvisionRequest::new(model_ref).expecting(wrong.parse().ok());
    let error = bench.provisioner()?.provision(&request).err();
    let error = error.ok_or("a digest that the hub contradicts was found")?;
    same(error.code(), "digest_mismatch", &chain(&error))?;
    same(bench.hub.downloads_of("weights.bin"), 0, "downloads")?;
    bench.check_empty()
}
