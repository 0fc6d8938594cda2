//! nginx and tinyproxy in folders of their own, and certificates. A test that lacks one of the programs is skipped.

#![expect(clippy::print_stderr, reason = "a test says that it is skipped")]

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A program that runs until it is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    /// The port on which it answers.
    pub port: u16,
    /// Its folder, with its configuration and its logs.
    pub folder: tempfile::TempDir,
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Returns the path of a program, or reports that the test is skipped.
pub fn find(program: &str) -> Option<PathBuf> {
    let places = ["/usr/sbin", "/usr/bin", "/usr/local/bin"];
    let found = places
        .into_iter()
        .map(|place| Path::new(place).join(program));
    let found = found.into_iter().find(|path| path.exists());
    if found.is_none() {
        eprintln!("skipped: {program} is not installed");
    }
    found
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a server of a test can be started");
    listener
        .local_addr()
        .expect("a server of a test can be started")
        .port()
}

/// Starts a program, and waits until it accepts connections.
fn start(mut command: Command, port: u16, folder: tempfile::TempDir) -> Running {
    let log =
        fs::File::create(folder.path().join("output")).expect("a server of a test can be started");
    let child = command
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a server of a test can be started"))
        .stderr(log)
        .spawn()
        .expect("a server of a test can be started");
    let mut running = Running {
        child,
        port,
        folder,
    };
    let begin = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        let output = || {
            fs::read_to_string(running.folder.path().join("output"))
                .expect("a server of a test can be started")
        };
        let ended = running
            .child
            .try_wait()
            .expect("a server of a test can be started");
        assert!(ended.is_none(), "the server ended: {}", output());
        assert!(begin.elapsed() < Duration::from_secs(20), "{}", output());
        std::thread::sleep(Duration::from_millis(5));
    }
    running
}

/// Starts nginx with the files in `www` of its folder. `settings` are lines of its `server` block.
pub fn nginx(settings: &str, files: &[(&str, &[u8])]) -> Option<Running> {
    let program = find("nginx")?;
    let folder = tempfile::tempdir().expect("a server of a test can be started");
    let www = folder.path().join("www");
    fs::create_dir(&www).expect("a server of a test can be started");
    for (name, bytes) in files {
        fs::write(www.join(name), bytes).expect("a server of a test can be started");
    }
    let place = folder.path().display();
    let port = free_port();
    let settings = settings
        .replace("PORT", &port.to_string())
        .replace("FOLDER", &place.to_string());
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {place}/{name};"))
        .join("\n");
    let user = match rustix::process::geteuid().is_root() {
        true => "user root;",
        false => "",
    };
    let config = format!(
        "{user} master_process off; daemon off; pid {place}/pid; error_log {place}/error.log;\n\
         events {{}}\nhttp {{ access_log off; {temporary}\nserver {{ root {place}/www; {settings} }} }}"
    );
    fs::write(folder.path().join("nginx.conf"), config).expect("a server of a test can be started");
    let mut command = Command::new(program);
    command
        .arg("-p")
        .arg(folder.path())
        .arg("-c")
        .arg(folder.path().join("nginx.conf"));
    Some(start(command, port, folder))
}

/// Starts tinyproxy. `settings` are lines of its configuration.
pub fn tinyproxy(settings: &str) -> Option<Running> {
    let program = find("tinyproxy")?;
    let folder = tempfile::tempdir().expect("a server of a test can be started");
    let port = free_port();
    let config = format!(
        "Port {port}\nListen 127.0.0.1\nTimeout 60\nAllow 127.0.0.1\nLogFile \"{}\"\nLogLevel Connect\n{settings}\n",
        folder.path().join("log").display()
    );
    fs::write(folder.path().join("tinyproxy.conf"), config)
        .expect("a server of a test can be started");
    let mut command = Command::new(program);
    command
        .arg("-d")
        .arg("-c")
        .arg(folder.path().join("tinyproxy.conf"));
    Some(start(command, port, folder))
}

/// The certificates of a test: an authority, a server for `localhost` and `127.0.0.1`, and a client.
#[derive(Debug)]
pub struct Certificates(tempfile::TempDir);

impl Certificates {
    /// Makes certificates with the command `openssl`.
    pub fn make() -> Option<Self> {
        let program = find("openssl")?;
        let folder = tempfile::tempdir().expect("a server of a test can be started");
        let run = |words: &str| {
            let output = Command::new(&program)
                .args(words.split(' '))
                .current_dir(folder.path())
                .output()
                .expect("a server of a test can be started");
            assert!(output.status.success(), "{words}: {output:?}");
        };
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
        run(&format!(
            "req -x509 {key} -keyout ca.key -out ca.pem -days 30 -subj /CN=test-authority"
        ));
        for name in ["server", "client"] {
            let extension = match name {
                "server" => {
                    "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n"
                }
                _ => "extendedKeyUsage=clientAuth\n",
            };
            fs::write(folder.path().join("extension"), extension)
                .expect("a server of a test can be started");
            run(&format!(
                "req {key} -keyout {name}.key -out {name}.csr -subj /CN={name}"
            ));
            run(&format!(
                "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile extension -out {name}.pem"
            ));
        }
        Some(Self(folder))
    }

    /// Returns the path of a certificate or key.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Returns the lines of nginx for a TLS server.
    pub fn of_nginx(&self) -> String {
        format!(
            "listen 127.0.0.1:PORT ssl; ssl_certificate {}; ssl_certificate_key {};",
            self.path("server.pem").display(),
            self.path("server.key").display()
        )
    }
}
