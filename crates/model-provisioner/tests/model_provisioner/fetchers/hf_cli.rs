use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use catalog_core::{Basis, CatalogStore, FsCatalog, ModelFetcher, ModelRef};
use model_provisioner::{Freshness, HfCliFetcher, ModelProvisioner, Provided, ProvisionRequest};

use super::fake_hf::{COMMIT, FakeHub};

struct Bench {
    _folder: tempfile::TempDir,
    hub: FakeHub,
    root: std::path::PathBuf,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let hub = FakeHub::new(&folder.path().join("hub"));
        hub.put("model.bin", "weights");
        Self {
            hub,
            root: folder.path().join("root"),
            _folder: folder,
        }
    }

    fn provisioner(
        &self,
        configure: impl FnOnce(HfCliFetcher) -> HfCliFetcher,
    ) -> ModelProvisioner<FsCatalog, HfCliFetcher> {
        let catalog = FsCatalog::new(&self.root).unwrap();
        let fetcher = configure(self.hub.fetcher(catalog.artifacts()));
        ModelProvisioner::new(catalog, fetcher)
    }
}

fn request(text: &str) -> ProvisionRequest {
    ProvisionRequest::new(ModelRef::parse(text).unwrap())
}

/// PROV-410
#[test]
fn a_token_reaches_the_command_by_its_variable_and_nobody_else() {
    let bench = Bench::new();
    let provisioner = bench.provisioner(|fetcher| {
        fetcher
            .token("hf_canary")
            .endpoint("http://hub.test:8080/x")
    });
    let shown = format!("{provisioner:?}");
    assert!(!shown.contains("canary"), "{shown}");
    let report = provisioner
        .provision(&request("hf:org/repo/model.bin"))
        .unwrap();
    assert_eq!(report.revision.as_deref(), Some(COMMIT));
    assert_eq!(report.assurance.basis, Basis::SourceHash);
    let calls = bench.hub.calls();
    let download = calls
        .iter()
        .find(|call| call.starts_with("download"))
        .unwrap();
    let (arguments, variables) = download.split_once(" | ").unwrap();
    assert!(!arguments.contains("canary"), "{arguments}");
    assert_eq!(variables, "token hf_canary endpoint http://hub.test:8080/x");

    bench
        .hub
        .write_command("0.36.0", "echo \"Error: bad token $HF_TOKEN\" >&2; exit 1");
    let error = provisioner.provision(&request("hf:org/repo")).unwrap_err();
    assert!(error.to_string().contains("bad token REDACTED"), "{error}");
}

/// PROV-411
#[test]
fn the_arguments_are_those_of_the_version_that_is_there() {
    let bench = Bench::new();
    for (version, listed, links) in [
        ("0.20.1", false, true),
        ("0.36.0", false, false),
        ("2.4.0", true, false),
    ] {
        bench.hub.write_command(version, "");
        fs::remove_file(bench.hub.command().with_file_name("calls")).ok();
        let provisioner = bench.provisioner(|fetcher| fetcher);
        let text = format!("hf:org/repo@{version}/model.bin");
        provisioner.provision(&request(&text)).unwrap();
        let calls = bench.hub.calls();
        assert_eq!(
            calls.iter().any(|call| call.starts_with("models ls")),
            listed,
            "{calls:?}"
        );
        let download = calls
            .iter()
            .find(|call| call.starts_with("download"))
            .unwrap();
        assert_eq!(
            download.contains("--local-dir-use-symlinks False"),
            links,
            "{download}"
        );
        assert!(
            download.contains(&format!("--revision {version}")),
            "{download}"
        );
    }
}

/// PROV-412, ORCH-3705
#[test]
fn without_a_command_that_works_the_error_says_how_to_get_one() {
    let bench = Bench::new();
    let error = bench
        .provisioner(|fetcher| fetcher.command("/not/there/hf"))
        .provision(&request("hf:org/repo"))
        .unwrap_err();
    assert_eq!(error.code(), "fetch_tool_missing", "{error}");

    // The stub that some releases left behind under the old name.
    let bin = bench.root.with_file_name("bin");
    fs::create_dir(&bin).unwrap();
    let stub = FakeHub::new(&bin);
    stub.write_command("gone'; exit 1; echo '", "");
    fs::rename(stub.command(), bin.join("huggingface-cli")).unwrap();
    let catalog = FsCatalog::new(&bench.root).unwrap();
    let fetcher = HfCliFetcher::new(catalog.artifacts()).search_path(&bin);
    let error = fetcher
        .ensure_present(&ModelRef::parse("hf:org/repo").unwrap())
        .unwrap_err();
    assert_eq!(error.code(), "fetch_tool_missing", "{error}");
    for part in ["`hf` is not in PATH", "huggingface-cli", "pip install"] {
        assert!(error.to_string().contains(part), "{error}");
    }
}

/// PROV-413
#[test]
fn what_the_command_plants_in_the_staging_area_gets_nobody_out() {
    let secret = tempfile::tempdir().unwrap();
    let target = secret.path().join("secret");
    fs::write(&target, "secret").unwrap();
    for before in [
        format!("ln -s {} \"$dir/link.bin\"", target.display()),
        format!("ln -s {} \"$dir/folder\"", secret.path().display()),
        "mkfifo \"$dir/pipe\"".to_owned(),
        "printf x > \"$dir/C:x\"".to_owned(),
        "printf x > \"$dir/a\\\\b\"".to_owned(),
    ] {
        let bench = Bench::new();
        bench.hub.write_command("0.36.0", &before);
        let provisioner = bench.provisioner(|fetcher| fetcher);
        let error = provisioner.provision(&request("hf:org/repo")).unwrap_err();
        let is_refused = ["artifact_unusable", "name_refused"].contains(&error.code());
        assert!(is_refused, "{before}: {error}");
        assert_eq!(provisioner.catalog().list().unwrap(), []);
        assert_eq!(fs::read_dir(bench.root.join("staging")).unwrap().count(), 0);
    }
    assert_eq!(fs::read_to_string(&target).unwrap(), "secret");
}

/// PROV-414
#[test]
fn a_command_that_succeeds_without_bringing_what_was_asked_is_not_believed() {
    for (version, before, text) in [
        ("0.36.0", "exit 0", "hf:org/repo/model.bin"),
        ("0.36.0", "exit 0", "hf:org/repo"),
        ("2.4.0", "exit 0", "hf:org/repo"),
        ("2.4.0", "files=other.bin", "hf:org/repo/model.bin"),
        ("2.4.0", "files=other.bin", "hf:org/repo"),
    ] {
        let bench = Bench::new();
        bench.hub.put("other.bin", "other");
        bench.hub.write_command(version, before);
        let provisioner = bench.provisioner(|fetcher| fetcher);
        let error = provisioner.provision(&request(text)).unwrap_err();
        assert!(
            error.code().starts_with("fetch_"),
            "{version} {before} {text}: {error}"
        );
        assert_eq!(provisioner.catalog().list().unwrap(), []);
    }
}

/// PROV-415
#[test]
fn a_folder_of_a_repository_is_handed_out_by_itself() {
    let bench = Bench::new();
    bench.hub.put("tok/tok/vocab.txt", "a");
    bench.hub.put("tok/merges.bin", "b");
    for version in ["0.36.0", "2.4.0"] {
        bench.hub.write_command(version, "");
        let provisioner = bench.provisioner(|fetcher| fetcher);
        let text = format!("hf:org/repo@{version}/tok");
        let report = provisioner.provision(&request(&text)).unwrap();
        let read = |name: &str| fs::read_to_string(report.resolved.local_path.join(name)).ok();
        assert_eq!(read("merges.bin").as_deref(), Some("b"));
        assert_eq!(read("tok/vocab.txt").as_deref(), Some("a"));
        assert_eq!(
            fs::read_dir(&report.resolved.local_path).unwrap().count(),
            2
        );
    }
}

/// PROV-416
#[test]
fn a_command_is_found_through_a_link_and_only_if_it_can_be_run() {
    let bench = Bench::new();
    let bin = bench.root.with_file_name("bin");
    fs::create_dir(&bin).unwrap();
    fs::write(bin.join("hf"), "not a program").unwrap();
    symlink(bench.hub.command(), bin.join("huggingface-cli")).unwrap();
    let catalog = FsCatalog::new(&bench.root).unwrap();
    let fetcher = HfCliFetcher::new(catalog.artifacts()).search_path(&bin);
    let found = fetcher.ensure_present(&ModelRef::parse("hf:org/repo/model.bin").unwrap());
    let path = found.unwrap().local_path;
    assert!(path.starts_with(Path::new(catalog.root())), "{path:?}");
}

/// PROV-417
#[test]
fn a_name_that_the_command_would_take_for_an_option_is_refused() {
    let bench = Bench::new();
    for version in ["0.36.0", "2.4.0"] {
        bench.hub.write_command(version, "");
        for name in ["--token=abc", "-h", "--cache-dir=/tmp/evil"] {
            let provisioner = bench.provisioner(|fetcher| fetcher);
            let error = provisioner
                .provision(&request(&format!("hf:org/repo/{name}")))
                .unwrap_err();
            assert_eq!(error.code(), "fetch_refused", "{error}");
        }
    }
    let calls = bench.hub.calls();
    assert!(
        !calls.iter().any(|call| call.starts_with("download")),
        "{calls:?}"
    );
}

/// PROV-418
#[test]
fn a_folder_is_repaired_by_its_files_and_brought_again_if_its_source_has_them_no_more() {
    let bench = Bench::new();
    bench.hub.put("tok/sub/vocab.txt", "a");
    bench.hub.put("tok/merges.bin", "b");
    let provisioner = bench.provisioner(|fetcher| fetcher);
    let asked = request("hf:org/repo/tok");
    let first = provisioner.provision(&asked).unwrap();
    let lose = |name: &str| {
        fs::remove_file(first.resolved.local_path.join(name)).unwrap();
        let blobs = bench.root.join("blobs");
        fs::remove_dir_all(blobs).unwrap();
    };
    lose("sub/vocab.txt");
    let report = provisioner.provision(&asked).unwrap();
    assert_eq!(report.provided, Provided::Repaired);
    assert_eq!(report.staged_bytes, 1);
    let vocab = first.resolved.local_path.join("sub/vocab.txt");
    assert_eq!(fs::read_to_string(&vocab).unwrap(), "a");

    // The repository has other files now: nothing repairs this one, and its digest is pinned.
    fs::remove_file(
        bench
            .hub
            .command()
            .with_file_name("org/repo/tok/sub/vocab.txt"),
    )
    .unwrap();
    lose("sub/vocab.txt");
    let error = provisioner.provision(&asked).unwrap_err();
    assert_eq!(error.code(), "digest_mismatch", "{error}");
}

/// PROV-419
#[test]
fn notes_that_are_no_files_hold_nobody_up_and_unhashed_bytes_keep_a_pin() {
    let bench = Bench::new();
    let provisioner = bench.provisioner(|fetcher| fetcher);
    let asked = request("hf:org/repo/model.bin");
    let pinned = provisioner.provision(&asked).unwrap().digest;
    let again = asked.clone().freshness(Freshness::Revalidate);
    let unmoved = provisioner.provision(&again).unwrap();
    assert_eq!(unmoved.provided, Provided::AlreadyPresent);

    // Only the commit moves: its bytes are brought once, and are those of the new commit then.
    let commit = "f".repeat(40);
    bench.hub.push(&commit);
    let moved = provisioner.provision(&again).unwrap();
    assert_eq!(
        (moved.provided, moved.revision),
        (Provided::Fetched, Some(commit))
    );
    let unmoved = provisioner.provision(&again).unwrap();
    assert_eq!(unmoved.provided, Provided::AlreadyPresent);

    // Other bytes, of which the hub states nothing.
    bench.hub.push(&"e".repeat(40));
    bench.hub.put("model.bin", "EVIL!!!");
    let before = "mkdir -p \"$dir/.cache/huggingface/download\"; \
                  cp \"$(dirname \"$0\")/org/repo/model.bin\" \"$dir\"; \
                  mkfifo \"$dir/.cache/huggingface/download/model.bin.metadata\"; exit 0";
    bench.hub.write_command("0.36.0", before);
    let error = provisioner.provision(&again).unwrap_err();
    assert_eq!(error.code(), "digest_mismatch", "{error}");
    let entry = provisioner.catalog().get("hf:org/repo/model.bin").unwrap();
    assert_eq!(entry.unwrap().digest, pinned);
}

/// PROV-435
#[test]
fn the_command_runs_whatever_its_daemon_does_with_signals_and_temporary_files() {
    let blocks = ["--block-signal=CHLD,TERM,INT", "--ignore-signal=CHLD"];
    for option in ["", blocks[0], blocks[1]] {
        let bench = Bench::new();
        let tests = std::env::current_exe().unwrap();
        let target = tests.ancestors().nth(2).unwrap();
        let mut daemon = Command::new("env");
        if !option.is_empty() {
            let is_known = Command::new("env").args([option, "true"]).output();
            if !is_known.unwrap().status.success() {
                eprintln!("skipped: `env` of this host has no {option}");
                continue;
            }
            daemon.arg(option);
        }
        let path = bench.hub.command();
        let path = path.parent().unwrap().display();
        let output = daemon
            .arg(target.join("examples/provision"))
            .args(["hf:org/repo/model.bin", "--hf-command", "--cache-dir"])
            .arg(&bench.root)
            .env("PATH", format!("{path}:/usr/bin:/bin"))
            .env("TMPDIR", "/is/absent")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{option}: {text}");
        let catalog = FsCatalog::new(&bench.root).unwrap();
        assert_eq!(catalog.list().unwrap().len(), 1);
    }
}
