//! The command line of the main job, as its users call it.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use catalog_core::{CatalogStore, FsCatalog};

/// Returns the path of an example, which cargo builds beside the tests.
fn program() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let target = tests.parent().and_then(Path::parent).unwrap();
    target.join("examples").join("provision")
}

fn run(cache: &Path, arguments: &[&str]) -> Output {
    Command::new(program())
        .args(arguments)
        .arg("--cache-dir")
        .arg(cache)
        // No command of the hub, whatever is installed here.
        .env("PATH", cache)
        .output()
        .unwrap()
}

fn field(output: &Output, name: &str) -> String {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("{text} has {name}"))
        .trim()
        .to_owned()
}

fn tiny() -> PathBuf {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures");
    fixtures.join("tiny.gguf").canonicalize().unwrap()
}

const TINY: &str = "sha256:539603936910a5acd5aaa4e3c1e035a019bb18a5e739886ae81366ef17341c96";

/// PROV-301
#[test]
fn the_example_provisions_a_real_model_file() {
    let cache = tempfile::tempdir().unwrap();
    let path = tiny();
    let output = run(cache.path(), &[path.to_str().unwrap()]);
    assert!(output.status.success());
    assert_eq!(field(&output, "id:"), format!("file:{}", path.display()));
    assert_eq!(field(&output, "path:"), path.display().to_string());
    assert_eq!(field(&output, "size:"), "13088 bytes");
    assert_eq!(field(&output, "digest:"), TINY);
    assert!(field(&output, "outcome:").starts_with("unverified"));
    assert!(field(&output, "duration:").ends_with(" s"));
    let warning = String::from_utf8(output.stderr).unwrap();
    assert!(
        warning.contains("WARN") && warning.contains("unverified"),
        "{warning}"
    );

    let output = run(cache.path(), &[path.to_str().unwrap(), "--digest", TINY]);
    assert!(output.status.success());
    assert!(field(&output, "outcome:").starts_with("verified"));
    assert_eq!(output.stderr, b"");
    let index = fs::read_to_string(cache.path().join("index.json")).unwrap();
    assert!(index.contains(TINY), "{index}");
}

/// PROV-302
#[test]
fn the_example_says_on_stderr_why_it_failed() {
    let cache = tempfile::tempdir().unwrap();
    let path = tiny();
    let wrong = format!("sha256:{}", "0".repeat(64));
    for (arguments, status, parts) in [
        (
            vec![path.to_str().unwrap(), "--digest", &wrong],
            1,
            vec![TINY, &wrong],
        ),
        (vec!["/not/there.gguf"], 1, vec!["/not/there.gguf"]),
        (
            vec!["hf:org/repo", "--hf-command"],
            1,
            vec!["`hf` is not in PATH", "pip install"],
        ),
        (vec!["org/repo"], 1, vec!["write hf:org/repo"]),
        (vec!["s3://bucket/m"], 1, vec!["of your own to the router"]),
        (
            vec!["ftp://user:secret@host/m"],
            1,
            vec!["ftp://REDACTED@host"],
        ),
        (
            vec!["m", "--digest", "sha256:zz"],
            2,
            vec!["--digest", "hexadecimal", "--help"],
        ),
        (
            vec!["m", "--max-bytes", "1M"],
            2,
            vec!["\"1M\" of --max-bytes", "80000000000"],
        ),
        (vec![], 2, vec!["MODEL_REF is missing"]),
        (vec!["m", "--no-such-option"], 2, vec!["--no-such-option"]),
    ] {
        let output = run(cache.path(), &arguments);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            output.status.code(),
            Some(status),
            "{arguments:?}: {message}"
        );
        assert_eq!(output.stdout, b"", "{arguments:?}");
        for part in parts {
            assert!(message.contains(part), "{message:?} has {part:?}");
        }
        let is_told = message.lines().any(|line| line.starts_with("error: "));
        assert!(is_told && !message.contains("secret"), "{message}");
    }
    let catalog = FsCatalog::new(cache.path()).unwrap();
    assert_eq!(catalog.list().unwrap(), [], "nothing was registered");
}

/// PROV-302
#[test]
fn an_interrupt_cancels_the_call_and_the_error_is_told_as_json() {
    let cache = tempfile::tempdir().unwrap();
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/m.gguf", server.local_addr().unwrap());
    let mut command = Command::new(program());
    command
        .args([&url, "--json", "--cache-dir"])
        .arg(cache.path());
    let process = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The server never answers.
    let (accepted, arrival) = std::sync::mpsc::channel();
    std::thread::spawn(move || accepted.send(server.accept()));
    let connection = arrival.recv_timeout(Duration::from_secs(60)).unwrap();
    let id = process.id().to_string();
    let interrupted = Command::new("kill").args(["-INT", &id]).status().unwrap();
    assert!(interrupted.success());
    let output = process.wait_with_output().unwrap();
    drop(connection);
    assert_eq!(output.status.code(), Some(130));
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["error"]["code"], "cancelled", "{said}");
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("run the same command again"), "{message}");
}
