//! The three daemons, as their users start them, over one root.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
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

/// A daemon that says in its first line that it is ready, and is killed at the end.
struct Daemon {
    child: Child,
    first_line: String,
}

impl Daemon {
    fn start(name: &str, arguments: &[&str]) -> Self {
        let mut child = Command::new(program(name))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut first_line = String::new();
        let stdout = child.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut first_line).unwrap();
        let first_line = first_line.trim().to_owned();
        Self { child, first_line }
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

/// A request to an orchestratord: the status and the answer.
fn ask(address: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let mut stream = TcpStream::connect(address).unwrap();
    let body = body.to_string();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
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

/// PROV-310
#[test]
fn three_daemons_share_one_root() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().canonicalize().unwrap();
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let cache = text(&base.join("cache"));
    let model = base.join("model.bin");
    fs::write(&model, "weights").unwrap();
    let engine = base.join("engine");
    fs::write(&engine, "binary").unwrap();
    let id = format!("file:{}", model.display());

    let orchestratord = Daemon::start(
        "orchestratord",
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
        "--cache-dir",
        &cache,
        "--handoff",
        &text(&handoff),
    ];
    let mut pool = Daemon::start("pool-managerd", &arguments.map(|word| word as &str));
    let served = pool.first_line.strip_prefix("ready ").unwrap().to_owned();
    assert!(served.starts_with(&cache), "{served}");
    let handed = HandoffDocument::read(&handoff).unwrap();
    assert_eq!((handed.id.as_str(), handed.size), (id.as_str(), 7));
    assert_eq!(handed.view, EngineView::File);
    assert_eq!(text(&handed.path), served);

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
    let (status, answer) = ask("GET", "/models/hf:nobody/knows", Value::Null);
    assert_eq!((status, &answer["code"]), (404, &json!("not_found")));
}
