//! The flows in which web servers receive requests: a secret reaches the server that it
//! belongs to and no other one, and shows nowhere.

use std::fs;
use std::io::{BufRead, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use catalog_core::{AddressSet, ModelRef};
use model_fetchers::{NetworkConfig, Proxies};
use model_provisioner::{
    AddressRules, Event, Freshness, ModelProvisioner, Outbound, Policy, ProvisionRequest, Traced,
};

use super::hub::chain;
use super::net_faults::{bytes, network};
use super::said::Said;
use super::search::has;
use crate::figure::{Measured, Sabotage};
use crate::state::files_below;
use crate::strace::program;
use crate::web::{Reply, WebServer};

/// A secret in the forms in which it could show. The header has the second one.
type Secret = [&'static str; 2];

/// Belongs to the origin of the reference.
const PASSWORD: Secret = ["canarypassword2718", "dXNlcjpjYW5hcnlwYXNzd29yZDI3MTg="];

/// Belongs to the proxy.
const OF_PROXY: Secret = ["canaryproxy5772", "cHJveHk6Y2FuYXJ5cHJveHk1Nzcy"];

/// Belongs to the target of the redirect.
const SIGNATURE: Secret = ["canarysignature1618", "canarysignature%31618"];

/// What the second server does with each file.
const FILES: [&str; 5] = ["whole", "cut", "denied", "lost", "proxied"];

/// The servers of the flows.
struct Servers {
    first: WebServer,
    second: WebServer,
    proxy: WebServer,
}

/// Makes the flows, and returns their number.
pub(super) fn try_requests(sabotage: Sabotage, measured: &mut Measured) -> Result<usize, String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let servers = Servers::start(sabotage).map_err(|error| text(&error))?;
    let folder = tempfile::tempdir().map_err(|error| text(&error))?;
    let path = |name: &str| folder.path().join(name);
    let flows = servers.flows();
    let stderr = fs::File::create(path("stderr")).map_err(|error| text(&error))?;
    let mut process = Command::new(program())
        .arg("--secret-requests")
        .args([path("root"), path("said")])
        .stdin(Stdio::piped())
        .stderr(stderr)
        .spawn()
        .map_err(|error| text(&error))?;
    // Arguments would show the secrets.
    let mut input = process.stdin.take().ok_or("it was piped")?;
    input
        .write_all(flows.join("\n").as_bytes())
        .map_err(|error| text(&error))?;
    drop(input);
    let status = process.wait().map_err(|error| text(&error))?;
    measured.check(status.success(), || {
        let stderr = fs::read_to_string(path("stderr")).unwrap_or_default();
        format!("the flows of requests ended with {status}: {stderr}")
    });
    servers.check(measured);
    search(folder.path(), measured);
    let said = fs::read_to_string(path("said")).unwrap_or_default();
    let is_flow = |line: &&str| line.starts_with("flow ");
    Ok(said.lines().filter(is_flow).count())
}

impl Servers {
    fn start(sabotage: Sabotage) -> std::io::Result<Self> {
        let all = Self {
            first: WebServer::start("127.0.0.1")?,
            second: WebServer::start("127.0.0.1")?,
            proxy: WebServer::start("127.0.0.1")?,
        };
        for (seed, name) in FILES.iter().enumerate() {
            let content = bytes(seed as u64 + 40, 3 << 20);
            let path = format!("/{name}.bin");
            all.second.put(&path, content, Some("\"now\""));
        }
        all.second.lie(|_, request, reply| {
            let is_first = request
                .header("range")
                .is_some_and(|range| range.starts_with("bytes=0-"));
            let path = request.path.split('?').next().unwrap_or_default();
            match path {
                "/denied.bin" => Reply::new("403 Forbidden"),
                "/cut.bin" | "/lost.bin" if is_first => reply.broken_at_half(),
                "/lost.bin" => Reply::new("404 Not Found"),
                _ => reply,
            }
        });
        let target = all.second.url("");
        for server in [&all.first, &all.proxy] {
            let target = target.clone();
            server.lie(move |_, request, _| {
                let name = request.path.rsplit('/').next().unwrap_or_default();
                let mut target = format!("{target}/{name}?X-Amz-Signature={}", SIGNATURE[0]);
                if sabotage == Sabotage::TokenInTarget {
                    target.push_str(&format!("&token={}", PASSWORD[0]));
                }
                Reply::new("302 Found").with("Location", target)
            });
        }
        Ok(all)
    }

    /// Returns the lines for the process of the flows: the reference, the proxy, and whether the source is asked
    /// whether the model changed.
    fn flows(&self) -> Vec<String> {
        let with_password = |url: String| url.replace("//", &format!("//user:{}@", PASSWORD[0]));
        let direct = |name: &str| with_password(self.first.url(&format!("/{name}.bin")));
        let proxy = self
            .proxy
            .url("")
            .replace("//", &format!("//proxy:{}@", OF_PROXY[0]));
        let proxied = with_password("http://first.test/proxied.bin".to_owned());
        let signed = format!("?X-Amz-Signature={}", SIGNATURE[0]);
        let signed = self.second.url(&format!("/whole.bin{signed}"));
        vec![
            format!("{} - local", direct("whole")),
            format!("{} - revalidate", direct("whole")),
            format!("{} - local", direct("cut")),
            format!("{} - local", direct("denied")),
            format!("{} - local", direct("lost")),
            format!("{proxied} {proxy} local"),
            format!("{signed} - local"),
        ]
    }

    /// Checks that each server received its own secrets and no other ones.
    fn check(&self, measured: &mut Measured) {
        // Plain http passes the proxy with the header for the origin.
        let all: [(&str, &WebServer, &[Secret]); 3] = [
            ("the first server", &self.first, &[PASSWORD]),
            ("the second server", &self.second, &[SIGNATURE]),
            ("the proxy", &self.proxy, &[OF_PROXY, PASSWORD]),
        ];
        for name in FILES {
            let path = format!("/{name}.bin");
            let requests = self.second.requests();
            let is_asked = requests
                .iter()
                .any(|request| request.path.starts_with(&path));
            measured.check(is_asked, || {
                format!("{path} of the second server was not asked for")
            });
        }
        for (name, server, own) in all {
            let received = format!("{:?}", server.requests());
            for secret in [PASSWORD, OF_PROXY, SIGNATURE] {
                let is_received = secret.iter().any(|form| received.contains(form));
                let is_own = own.contains(&secret);
                measured.check(is_received == is_own, || match is_own {
                    true => format!("{name} did not receive {}", secret[0]),
                    false => format!("{} reached {name}: {received}", secret[0]),
                });
            }
        }
    }
}

/// Searches the texts, the logs, and the names and bytes of all files for secrets. A journal must be among them.
fn search(folder: &Path, measured: &mut Measured) {
    let files = files_below(folder);
    let is_journal = |path: &std::path::PathBuf| path.ends_with("journal.json");
    measured.check(files.iter().any(is_journal), || {
        "no flow left a journal".to_owned()
    });
    for file in files {
        let mut place = fs::read(&file).unwrap_or_default();
        place.extend(file.display().to_string().into_bytes());
        for secret in [PASSWORD, OF_PROXY, SIGNATURE].iter().flatten() {
            measured.check(!has(&place, secret), || {
                format!("{secret} is in {}", file.display())
            });
        }
    }
}

/// The process of the flows: `ROOT SAID`, with the flows on standard input.
pub fn run_secret_requests(arguments: &[String]) -> Result<(), String> {
    let [root, said] = arguments else {
        return Err("ROOT SAID".to_owned());
    };
    let mut said = Said::log_to(Path::new(said))?;
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|error| error.to_string())?;
        let words: Vec<&str> = line.split(' ').collect();
        let [reference, proxy, freshness] = words[..] else {
            return Err("REFERENCE PROXY FRESHNESS".to_owned());
        };
        let heard = flow(root, reference, proxy, freshness)?;
        writeln!(said, "flow requests\n{heard}").map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// Provisions a model, and returns all that was said about it.
fn flow(root: &str, reference: &str, proxy: &str, freshness: &str) -> Result<String, String> {
    let mut config: NetworkConfig = network().allow_http().retries(1);
    if proxy != "-" {
        config = config.proxies(Proxies::default().http(proxy)?.except("127.0.0.1"));
    }
    let mut heard = format!("{config:?}\n");
    let events = Arc::new(std::sync::Mutex::new(String::new()));
    let of_observer = Arc::clone(&events);
    let observer = move |event: &Event| {
        if let Ok(mut events) = of_observer.lock() {
            events.push_str(&format!("{event:?}\n"));
        }
    };
    // The names behind a proxy are not resolved, so a redirect from there to this host is refused otherwise.
    let mut outbound = Outbound::default();
    outbound.addresses = AddressRules::default().allow(AddressSet::Loopback);
    let provisioner = ModelProvisioner::with_network(root, config)
        .and_then(|provisioner| provisioner.with_policy(Policy::default().outbound(outbound)))
        .map_err(|error| error.to_string())?
        .with_observer((observer, Traced));
    let model_ref = match ModelRef::parse(reference) {
        Ok(model_ref) => model_ref,
        Err(error) => return Ok(format!("{heard}{error:?} {}", chain(&error))),
    };
    let mut request = ProvisionRequest::new(model_ref);
    if freshness == "revalidate" {
        request = request.freshness(Freshness::Revalidate);
    }
    heard.push_str(&format!("{provisioner:?} {request:?}\n"));
    match provisioner.provision(&request) {
        Ok(report) => heard.push_str(&format!("{report:?}\n")),
        Err(error) => heard.push_str(&format!("{error:?} {}\n", chain(&error))),
    }
    if let Ok(events) = events.lock() {
        heard.push_str(&events);
    }
    Ok(heard)
}
