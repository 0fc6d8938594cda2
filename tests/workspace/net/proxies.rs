use std::fs;
use std::sync::Arc;

use catalog_core::FetchProblem;
use model_fetchers::{Proxies, TrustedRoots};
use workspace_tests::web::WebServer;

use super::{bytes, network, provisioner, request, sha256};
use workspace_tests::real_servers::{Certificates, nginx, tinyproxy};

/// NET-130
#[test]
fn http_goes_through_a_proxy_in_absolute_form_and_exceptions_go_directly() {
    let Some(proxy) = tinyproxy("BasicAuth user secret") else {
        return;
    };
    let server = WebServer::start("127.0.0.1").unwrap();
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
