//! The three daemons, as their users start them, over one root.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use model_provisioner::{EngineView, HandoffDocument};
use serde_json::{Value, json};

/// Returns the path of an example, which cargo builds beside the tests.
fn program(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let target = tests.parent().and_then(Path::parent).unwrap();
    target.join("examples").join(name)
}

/// The correlation id of all requests.
const CORRELATION_ID: &str = "c-4711";

/// A daemon that prints a line when it is ready, and is killed at the end.
struct Daemon {
    child: Child,
    first_line: String,
    log: PathBuf,
}

impl Daemon {
    /// Starts a daemon that logs into a file of its name in `folder`.
    fn start(name: &str, folder: &Path, arguments: &[&str]) -> Self {
        let log = folder.join(format!("{name}.log"));
        let mut child = Command::new(program(name))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let mut first_line = String::new();
        let stdout = child.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut first_line).unwrap();
        let first_line = first_line.trim().to_owned();
        Self {
            child,
            first_line,
            log,
        }
    }

    /// Returns the line of the log that has a word.
    fn logged(&self, word: &str) -> String {
        let text = fs::read_to_string(&self.log).unwrap();
        let line = text.lines().find(|line| line.contains(word));
        line.unwrap_or_else(|| panic!("{word} in {text}"))
            .to_owned()
    }

    fn stdin(&mut self) -> ChildStdin {
        self.child.stdin.take().unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Sends a request to an orchestratord. Returns the status and the JSON of the answer.
fn ask(address: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let (head, body) = ask_raw(address, method, path, body);
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(&body).unwrap_or(Value::Null))
}

/// Sends a request with a correlation id. Returns the head and the body of the answer.
fn ask_raw(address: &str, method: &str, path: &str, body: &Value) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    let body = body.to_string();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         X-Correlation-Id: {CORRELATION_ID}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

/// PROV-303
#[test]
fn a_daemon_says_on_stderr_why_it_failed() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.gguf");
    fs::write(&broken, "<html>no GGUF").unwrap();
    let cache = folder.path().join("cache");
    let cache = cache.to_str().unwrap();
    let model = broken.to_str().unwrap();
    for (name, arguments) in [
        ("pool-managerd", vec![model, "--managed"]),
        (
            "engine-provisioner",
            vec!["/is/absent", "--engine", "e", "--version", "1", "/bin/true"],
        ),
        ("orchestratord", vec!["--listen", "nonsense"]),
    ] {
        let output = Command::new(program(name))
            .args(&arguments)
            .args(["--cache-dir", cache])
            .output()
            .unwrap();
        assert!(!output.status.success());
        let text = String::from_utf8(output.stderr).unwrap();
        let line = text.lines().find(|line| line.starts_with("error: "));
        let line = line.unwrap_or_else(|| panic!("{name}: {text}"));
        assert!(!line.contains(" { "), "{name} prints no debug form: {line}");
    }
}

/// PROV-310, PROV-311
#[test]
fn three_daemons_share_one_root() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().canonicalize().unwrap();
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let cache = text(&base.join("cache"));
    let model = base.join("model.bin");
    fs::write(&model, "weights").unwrap();
    let engine = base.join("engine");
    fs::write(&engine, "#!/bin/sh\nexec sleep 600\n").unwrap();
    fs::set_permissions(&engine, fs::Permissions::from_mode(0o755)).unwrap();
    let id = format!("file:{}", model.display());

    let orchestratord = Daemon::start(
        "orchestratord",
        &base,
        &["--cache-dir", &cache, "--listen", "127.0.0.1:0"],
    );
    let address = orchestratord.first_line.rsplit("http://").next().unwrap();
    let ask = |method, path: &str, body| ask(address, method, path, &body);
    assert_eq!(ask("GET", "/models", Value::Null), (200, json!([])));

    // An engine is built, and tried with the model.
    let built = Command::new(program("engine-provisioner"))
        .args([&text(&model), "--engine", "llama", "--version", "b1"])
        .args(["--cache-dir", &cache, &text(&engine)])
        .output()
        .unwrap();
    assert!(built.status.success(), "{built:?}");
    let entry: Value = serde_json::from_slice(&built.stdout).unwrap();
    assert_eq!(entry["id"], "llama-b1");
    let (status, found) = ask("GET", &format!("/models/{id}"), Value::Null);
    assert_eq!((status, &found["lifecycle"]), (200, &json!("active")));

    // A pool turns ready on a managed copy of it.
    let handoff = base.join("handoff.json");
    let arguments = [
        &text(&model),
        "--managed",
        "--engine",
        "llama-b1",
        "--cache-dir",
        &cache,
        "--handoff",
        &text(&handoff),
    ];
    let mut pool = Daemon::start("pool-managerd", &base, &arguments.map(|word| word as &str));
    let served = pool.first_line.strip_prefix("ready ").unwrap().to_owned();
    assert!(served.starts_with(&cache), "{served}");
    let handed = HandoffDocument::read(&handoff).unwrap();
    assert_eq!((handed.id.as_str(), handed.size), (id.as_str(), 7));
    assert_eq!(handed.view, EngineView::File);
    assert_eq!(text(&handed.path), served);
    let started = pool.logged("starting the engine");
    let engine_digest = entry["digest"].as_str().unwrap();
    for field in [
        "engine_version=\"b1\"",
        &format!("engine_digest=\"{engine_digest}\""),
        &format!("model_digest=\"{}\"", crate::util::sha256(&model)),
    ] {
        assert!(started.contains(field), "{started} has {field}");
    }

    // A placement is logged with the engine, and the answer has the id of the request.
    let placement = json!({"model_id": id, "engine_id": "llama-b1"});
    let (status, placed) = ask("POST", "/placements", placement);
    assert_eq!((status, &placed["engine"]["version"]), (200, &json!("b1")));
    let absent = json!({"model_id": id, "engine_id": "none"});
    assert_eq!(ask("POST", "/placements", absent).0, 404);
    let line = orchestratord.logged("placed");
    for field in [
        "correlation_id=c-4711",
        "engine_id=\"llama-b1\"",
        "engine_version=\"b1\"",
        &format!("engine_digest=\"{engine_digest}\""),
    ] {
        assert!(line.contains(field), "{line} has {field}");
    }
    let (head, _) = ask_raw(address, "GET", "/models", &Value::Null);
    assert!(head.contains("x-correlation-id: c-4711"), "{head}");

    // Its entry may go, its file stays as long as the pool runs.
    let (status, answer) = ask("DELETE", &format!("/models/{id}"), Value::Null);
    assert_eq!((status, &answer["code"]), (409, &json!("artifact_kept")));
    assert_eq!(fs::read_to_string(&served).unwrap(), "weights");
    drop(pool.stdin());
    assert!(pool.child.wait().unwrap().success());

    // The orchestrator registers, retires, provisions and refuses as the libraries do.
    let registered = json!({"local_path": text(&model), "lifecycle": "active"});
    let (status, _) = ask("PUT", "/models/hf:org/repo", registered);
    assert_eq!(status, 200);
    let (status, found) = ask("PUT", "/states/hf:org/repo", json!("retired"));
    assert_eq!((status, &found["lifecycle"]), (200, &json!("retired")));
    let wanted = json!({"model_ref": "hf:org/repo", "digest": null});
    let (status, found) = ask("POST", "/provision", wanted);
    assert_eq!(
        (status, &found["provided"]),
        (200, &json!("AlreadyPresent"))
    );
    let wrong = json!({"model_ref": text(&model), "digest": format!("sha256:{:064}", 0)});
    let (status, answer) = ask("POST", "/provision", wrong);
    assert_eq!((status, &answer["code"]), (422, &json!("digest_mismatch")));
    let (head, metrics) = ask_raw(address, "GET", "/metrics", &Value::Null);
    assert!(
        head.contains("content-type: text/plain; version=0.0.4"),
        "{head}"
    );
    for line in [
        "verifications_total{outcome=\"pass\"} 0",
        "verifications_total{outcome=\"warn\"} 1",
        "verifications_total{outcome=\"fail\"} 1",
        "staged_bytes_total 0",
        "provision_duration_seconds_count 2",
        "catalog_models{lifecycle=\"active\"} 1",
        "catalog_models{lifecycle=\"retired\"} 0",
    ] {
        assert!(
            metrics.lines().any(|found| found == line),
            "{line}: {metrics}"
        );
    }
    let (status, answer) = ask("GET", "/models/hf:nobody/knows", Value::Null);
    assert_eq!((status, &answer["code"]), (404, &json!("not_found")));
}
