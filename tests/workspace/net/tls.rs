use std::fs;

use catalog_core::FetchProblem;
use model_fetchers::{ClientIdentity, TrustedRoots};
use model_provisioner::ModelProvisioner;

use super::{bytes, fetching, network, provisioner, request, sha256};
use workspace_tests::real_servers::{Certificates, nginx};

/// NET-120
#[test]
fn exactly_the_given_authority_is_trusted() {
    let Some(certificates) = Certificates::make() else {
        return;
    };
    let content = bytes(1, 20 << 20);
    let Some(server) = nginx(&certificates.of_nginx(), &[("m.bin", &content)]) else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let url = format!("https://localhost:{}/m.bin", server.port);
    let trusting = network().roots(TrustedRoots::File(certificates.path("ca.pem")));
    let report = provisioner(root.path(), trusting)
        .provision(&request(&url))
        .unwrap();
    assert_eq!(report.digest, Some(sha256(&content)));
    let by_address = format!("https://127.0.0.1:{}/m.bin", server.port);
    let others = Certificates::make().unwrap();
    let other = network().roots(TrustedRoots::File(others.path("ca.pem")));
    let error = provisioner(root.path(), other)
        .provision(&request(&by_address))
        .unwrap_err();
    assert_eq!(error.code(), FetchProblem::Untrusted.code(), "{error}");
    assert!(error.to_string().contains("trusted roots"), "{error}");
}

/// NET-121
#[test]
fn unusable_certificates_are_errors_that_name_the_file_when_the_fetcher_is_made() {
    let Some(certificates) = Certificates::make() else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let empty = root.path().join("empty.pem");
    fs::write(&empty, "").unwrap();
    let path = |name| certificates.path(name);
    let roots = |path| network().roots(TrustedRoots::File(path));
    let identity = |certificate, key| network().identity(ClientIdentity::new(certificate, key));
    let cases = [
        (roots(root.path().join("missing.pem")), "missing.pem"),
        (roots(empty.clone()), "empty.pem"),
        (
            identity(path("client.pem"), path("server.key")),
            "server.key",
        ),
        (identity(path("client.pem"), empty.clone()), "empty.pem"),
        (
            identity(root.path().join("missing.pem"), path("client.key")),
            "missing.pem",
        ),
    ];
    for (config, named) in cases {
        let error = ModelProvisioner::with_network(root.path(), config)
            .map(drop)
            .unwrap_err();
        assert_eq!(error.code(), FetchProblem::Misconfigured.code(), "{error}");
        assert!(error.to_string().contains(named), "{error}");
    }
}

/// NET-122
#[test]
fn a_client_identifies_itself_with_its_certificate() {
    let Some(certificates) = Certificates::make() else {
        return;
    };
    let authority = certificates.path("ca.pem");
    let settings = format!(
        "{} ssl_client_certificate {}; ssl_verify_client on;",
        certificates.of_nginx(),
        authority.display()
    );
    let content = bytes(2, 1 << 20);
    let Some(server) = nginx(&settings, &[("m.bin", &content)]) else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let url = format!("https://localhost:{}/m.bin", server.port);
    let stranger = network().roots(TrustedRoots::File(authority));
    let refused = provisioner(root.path(), stranger.clone()).provision(&request(&url));
    assert!(refused.is_err());
    let identity = ClientIdentity::new(
        certificates.path("client.pem"),
        certificates.path("client.key"),
    );
    let known = provisioner(root.path(), stranger.identity(identity));
    assert_eq!(
        known.provision(&request(&url)).unwrap().digest,
        Some(sha256(&content))
    );
}

/// NET-123
#[test]
fn a_redirect_from_https_to_http_is_refused() {
    let Some(certificates) = Certificates::make() else {
        return;
    };
    let settings = format!(
        "{} location /m.bin {{ return 302 http://127.0.0.1:1/m.bin; }}",
        certificates.of_nginx()
    );
    let Some(server) = nginx(&settings, &[]) else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let config = network()
        .allow_http()
        .roots(TrustedRoots::File(certificates.path("ca.pem")));
    let url = format!("https://localhost:{}/m.bin", server.port);
    let error = provisioner(root.path(), config)
        .provision(&request(&url))
        .unwrap_err();
    assert_eq!(error.code(), FetchProblem::Refused.code(), "{error}");
    assert!(error.to_string().contains("https to http"), "{error}");
}

/// NET-124
#[test]
fn the_roots_of_the_system_are_those_that_its_variables_name() {
    let Some(certificates) = Certificates::make() else {
        return;
    };
    let Some(server) = nginx(&certificates.of_nginx(), &[("m.bin", b"weights")]) else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let url = format!("https://localhost:{}/m.bin", server.port);
    let with = |file: &std::path::Path| {
        let mut command = fetching(root.path(), &url);
        let output = command
            .env("SSL_CERT_FILE", file)
            .env_remove("SSL_CERT_DIR")
            .output();
        let output = output.unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.success(), text)
    };
    let missing = root.path().join("missing.pem");
    let (is_good, text) = with(&missing);
    assert!(!is_good && text.contains("SSL_CERT_FILE"), "{text}");
    let (is_good, text) = with(&certificates.path("ca.pem"));
    assert!(is_good, "{text}");
}
