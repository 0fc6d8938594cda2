use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use catalog_core::{AddressSet, FetchProblem, FsCatalog};
use model_fetchers::{Proxies, TrustedRoots};
use model_provisioner::{AddressRules, ModelProvisioner, Outbound, Policy, SchemeRouter};
use workspace_tests::web::Reply;

use super::{bytes, ending, network, provisioner, request, server, sha256};
use workspace_tests::real_servers::{Certificates, nginx, tinyproxy};

/// NET-130
#[test]
fn http_goes_through_a_proxy_in_absolute_form_and_exceptions_go_directly() {
    let Some(proxy) = tinyproxy("BasicAuth user secret") else {
        return;
    };
    let server = server();
    let content = bytes(1, 20 << 20);
    server.put("/m.bin", Arc::clone(&content), Some("\"a\""));
    server.put("/n.bin", Arc::clone(&content), Some("\"a\""));
    let root = tempfile::tempdir().unwrap();
    let proxies = Proxies::default();
    let through = format!("http://user:secret@127.0.0.1:{}", proxy.port);
    let proxies = proxies.http(&through).unwrap();
    let config = network().proxies(proxies.clone());
    let report = provisioner(root.path(), config).provision(&request(&server.url("/m.bin")));
    assert_eq!(report.unwrap().digest, Some(sha256(&content)));
    for request in server.requests() {
        assert_eq!(request.header("proxy-authorization"), None, "{request:?}");
        assert!(
            request.header("via").is_some(),
            "it came through the proxy: {request:?}"
        );
    }
    server.be_honest();
    let direct = network().proxies(proxies.except("127.0.0.0/8"));
    provisioner(root.path(), direct)
        .provision(&request(&server.url("/n.bin")))
        .unwrap();
    assert!(
        server
            .requests()
            .iter()
            .all(|request| request.header("via").is_none())
    );
}

/// NET-131
#[test]
fn https_goes_through_a_tunnel() {
    let Some(proxy) = tinyproxy("ConnectPort 1\nConnectPort 443") else {
        return;
    };
    let Some(certificates) = Certificates::make() else {
        return;
    };
    let content = bytes(2, 20 << 20);
    let Some(server) = nginx(&certificates.of_nginx(), &[("m.bin", &content)]) else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let url = format!("https://localhost:{}/m.bin", server.port);
    let roots = TrustedRoots::File(certificates.path("ca.pem"));
    let by = |port: u16| {
        let proxies = Proxies::default().https(&format!("http://127.0.0.1:{port}"));
        network().proxies(proxies.unwrap()).roots(roots.clone())
    };
    // This proxy allows tunnels to two ports only.
    let error = provisioner(root.path(), by(proxy.port))
        .provision(&request(&url))
        .unwrap_err();
    assert_eq!(error.code(), FetchProblem::Misconfigured.code(), "{error}");
    assert!(error.to_string().contains("CONNECT"), "{error}");
    let open = tinyproxy("").unwrap();
    let report = provisioner(root.path(), by(open.port))
        .provision(&request(&url))
        .unwrap();
    assert_eq!(report.digest, Some(sha256(&content)));
    let log = fs::read_to_string(open.folder.path().join("log")).unwrap();
    assert!(log.contains("CONNECT"), "{log}");
}

/// NET-132
#[test]
fn a_proxy_that_wants_credentials_and_a_socks_proxy_are_typed_errors() {
    let Some(proxy) = tinyproxy("BasicAuth user secret") else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let address = format!("http://127.0.0.1:{}", proxy.port);
    let proxies = Proxies::default()
        .http(&address)
        .unwrap()
        .https(&address)
        .unwrap();
    let config = network().proxies(proxies);
    for url in ["http://127.0.0.1:1/m.bin", "https://127.0.0.1:1/m.bin"] {
        let error = provisioner(root.path(), config.clone())
            .provision(&request(url))
            .unwrap_err();
        assert_eq!(error.code(), FetchProblem::Misconfigured.code(), "{error}");
        assert!(error.to_string().contains("407"), "{error}");
    }
    let error = Proxies::default()
        .http("socks5://user:secret@127.0.0.1:1080")
        .unwrap_err();
    assert!(
        error.contains("socks5") && !error.contains("secret"),
        "{error}"
    );
}

/// Returns a provisioner that goes through a proxy on this host.
fn through(root: &Path, port: u16, policy: Policy) -> ModelProvisioner<FsCatalog, SchemeRouter> {
    let proxies = Proxies::default().http(&format!("http://user:secret@127.0.0.1:{port}"));
    let config = network().allow_http().proxies(proxies.unwrap());
    provisioner(root, config).with_policy(policy).unwrap()
}

fn addresses(rules: AddressRules) -> Policy {
    let mut outbound = Outbound::default();
    outbound.addresses = rules;
    Policy::default().outbound(outbound)
}

/// NET-139
#[test]
fn a_proxy_is_neither_an_address_of_the_other_scheme_nor_are_its_credentials_sent_there() {
    let Some(certificates) = Certificates::make() else {
        return;
    };
    let content = bytes(3, 20 << 20);
    let settings = format!(
        "{} if ($http_proxy_authorization) {{ return 400; }}",
        certificates.of_nginx()
    );
    let Some(target) = nginx(&settings, &[("m.bin", &content)]) else {
        return;
    };
    // The same host and port, by http through the proxy, and by https directly.
    let proxy = server();
    let location = format!("https://localhost:{}/m.bin", target.port);
    proxy.lie(move |_, _, _| Reply::new("302 Found").with("Location", &location));
    let root = tempfile::tempdir().unwrap();
    let proxies =
        Proxies::default().http(&format!("http://user:secret@127.0.0.1:{}", proxy.port()));
    let config = network()
        .allow_http()
        .proxies(proxies.unwrap())
        .roots(TrustedRoots::File(certificates.path("ca.pem")));
    // A redirect to this host needs a permission.
    let policy = addresses(AddressRules::default().allow(AddressSet::Loopback));
    let provisioner = provisioner(root.path(), config)
        .with_policy(policy)
        .unwrap();
    let url = format!("http://localhost:{}/m.bin", target.port);
    let report = provisioner.provision(&ending(&url)).unwrap();
    assert_eq!(report.digest, Some(sha256(&content)));
    for request in proxy.requests() {
        assert_eq!(request.path, url);
        // `user:secret`
        let sent = request.header("proxy-authorization");
        assert_eq!(sent, Some("Basic dXNlcjpzZWNyZXQ="));
    }
}

/// NET-139
#[test]
fn the_credentials_of_a_proxy_do_not_go_through_its_tunnel() {
    let Some(certificates) = Certificates::make() else {
        return;
    };
    let Some(proxy) = tinyproxy("BasicAuth user secret") else {
        return;
    };
    let content = bytes(5, 1 << 20);
    let settings = format!(
        "{} if ($http_proxy_authorization) {{ return 400; }}",
        certificates.of_nginx()
    );
    let Some(target) = nginx(&settings, &[("m.bin", &content)]) else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let proxies = Proxies::default().https(&format!("http://user:secret@127.0.0.1:{}", proxy.port));
    let config = network()
        .proxies(proxies.unwrap())
        .roots(TrustedRoots::File(certificates.path("ca.pem")));
    let url = format!("https://localhost:{}/m.bin", target.port);
    let report = provisioner(root.path(), config)
        .provision(&ending(&url))
        .unwrap();
    assert_eq!(report.digest, Some(sha256(&content)));
}

/// NET-140
#[test]
fn a_literal_address_behind_a_proxy_is_asked_at_the_gate() {
    let proxy = server();
    let content = bytes(4, 1000);
    let url = "http://10.1.2.3/m.bin";
    proxy.put(url, Arc::clone(&content), Some("\"a\""));
    let root = tempfile::tempdir().unwrap();
    let denied = addresses(AddressRules::default().deny(AddressSet::Private));
    let error = through(root.path(), proxy.port(), denied)
        .provision(&request(url))
        .unwrap_err();
    assert_eq!(error.code(), FetchProblem::Forbidden.code(), "{error}");
    assert_eq!(proxy.connections(), 0, "the proxy was not asked");
    through(root.path(), proxy.port(), Policy::default())
        .provision(&request(url))
        .unwrap();
    // A host behind the proxy redirects into the network of the proxy.
    for address in ["10.1.2.3", "127.0.0.1", "169.254.169.254", "[::1]"] {
        let location = format!("http://{address}/m.bin");
        proxy.lie(move |_, _, _| Reply::new("302 Found").with("Location", &location));
        let error = through(root.path(), proxy.port(), Policy::default())
            .provision(&request("http://a.test/m.bin"))
            .unwrap_err();
        assert_eq!(error.code(), FetchProblem::Forbidden.code(), "{error}");
        assert_eq!(proxy.requests().len(), 1, "{address} was not asked for");
    }
}

/// Starts a proxy that gives one answer to each connection. Returns its port and the number of its
/// connections.
fn answering(answers: &'static [&'static str]) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    std::thread::spawn(move || {
        for (stream, answer) in listener.incoming().zip(answers) {
            let mut stream = stream.unwrap();
            counted.fetch_add(1, Ordering::SeqCst);
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let head: Vec<_> = lines
                .map_while(Result::ok)
                .take_while(|line| !line.is_empty())
                .collect();
            assert!(head[0].starts_with("CONNECT "), "{head:?}");
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    (port, count)
}

/// NET-141
#[test]
fn a_proxy_that_fails_for_a_moment_is_asked_again() {
    const PASSING: &str = "HTTP/1.1 502 Bad Gateway\r\n\r\n";
    const BUSY: &str = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
    const LAST: &str = "HTTP/1.1 403 Forbidden\r\n\r\n";
    let root = tempfile::tempdir().unwrap();
    let by = |port: u16, retries| {
        let proxies = Proxies::default().https(&format!("http://127.0.0.1:{port}"));
        let config = network().retries(retries).proxies(proxies.unwrap());
        provisioner(root.path(), config)
            .provision(&ending("https://127.0.0.1:1/m.bin"))
            .unwrap_err()
    };
    let (port, count) = answering(&[PASSING, "", BUSY, "HTTP/1.1 2", LAST]);
    let error = by(port, 5);
    assert_eq!(error.code(), FetchProblem::Misconfigured.code(), "{error}");
    assert_eq!(count.load(Ordering::SeqCst), 5);
    let (port, count) = answering(&[PASSING, BUSY, LAST]);
    let error = by(port, 1);
    assert_eq!(error.code(), FetchProblem::Unreachable.code(), "{error}");
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

/// NET-140
#[test]
fn an_address_in_another_notation_behind_a_proxy_is_refused() {
    let proxy = server();
    let mut asked = Vec::new();
    for host in [
        "2852039166",
        "0xa9fea9fe",
        "169.254.43518",
        "0251.0376.0251.0376",
        "127.1",
        "[::ffff:10.1.2.3]",
        "10.1.2.3.",
        "10.1.2.3..",
    ] {
        let root = tempfile::tempdir().unwrap();
        let location = format!("http://{host}/m.bin");
        let content: Arc<[u8]> = bytes(1, 1000);
        proxy.put(&location, content, Some("\"a\""));
        proxy.lie(move |number, _, reply| match number {
            0 => Reply::new("302 Found").with("Location", &location),
            _ => reply,
        });
        let proxies = Proxies::default().http(&format!("http://127.0.0.1:{}", proxy.port()));
        let config = network().allow_http().proxies(proxies.unwrap());
        let outcome = provisioner(root.path(), config)
            .with_policy(Policy::default())
            .unwrap()
            .provision(&ending("http://a.test/m.bin"));
        let refusals = [FetchProblem::Forbidden.code(), FetchProblem::Refused.code()];
        let is_refused = outcome.is_err_and(|error| refusals.contains(&error.code()));
        if !is_refused || proxy.requests().len() != 1 {
            asked.push((host, proxy.requests().last().map(|last| last.path.clone())));
        }
    }
    assert!(asked.is_empty(), "{asked:?}");
}
