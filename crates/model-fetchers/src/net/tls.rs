use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::sign::CertifiedKey;
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};

/// The authorities whose certificates a fetcher trusts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrustedRoots {
    /// The authorities of the system. `SSL_CERT_FILE` and `SSL_CERT_DIR` name other ones, as for OpenSSL.
    #[default]
    System,
    /// Exactly the authorities of a file in PEM form.
    File(PathBuf),
}

/// The certificate and key with which a fetcher identifies itself to servers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientIdentity {
    /// The file of the certificate and its chain, in PEM form.
    pub certificate: PathBuf,
    /// The file of the private key, in PEM form.
    pub key: PathBuf,
}

impl ClientIdentity {
    /// Creates an identity from two files.
    pub fn new(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self {
            certificate: certificate.into(),
            key: key.into(),
        }
    }
}

/// The TLS settings of a fetcher. The roots of the system are read once, with the first
/// call, because also an `http:` URL can lead to an `https:` one.
#[derive(Debug)]
pub(crate) struct Tls {
    given: Option<Vec<Certificate<'static>>>,
    client: Option<ClientCert>,
    config: OnceLock<Result<TlsConfig, String>>,
}

impl Tls {
    /// Reads the given files. The error names the file and the repair.
    pub(crate) fn new(
        roots: &TrustedRoots,
        identity: Option<&ClientIdentity>,
    ) -> Result<Self, String> {
        let given = match roots {
            TrustedRoots::System => None,
            TrustedRoots::File(path) => Some(certificates(path)?),
        };
        Ok(Self {
            given,
            client: identity.map(client_certificate).transpose()?,
            config: OnceLock::new(),
        })
    }

    pub(crate) fn config(&self) -> Result<TlsConfig, String> {
        let config = self.config.get_or_init(|| {
            let roots = match &self.given {
                Some(given) => given.clone(),
                None => system_roots()?,
            };
            Ok(TlsConfig::builder()
                .root_certs(RootCerts::new_with_certs(&roots))
                .client_cert(self.client.clone())
                .unversioned_rustls_crypto_provider(provider())
                .build())
        });
        config.clone()
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))
}

/// Returns the certificates of a PEM file.
fn certificates(path: &Path) -> Result<Vec<Certificate<'static>>, String> {
    let bytes = read(path)?;
    let mut found = Vec::new();
    for item in parse_pem(&bytes) {
        match item {
            Ok(PemItem::Certificate(certificate)) => found.push(certificate),
            Ok(_) => {}
            Err(error) => return Err(format!("{} is damaged: {error}", path.display())),
        }
    }
    match found.is_empty() {
        true => Err(format!(
            "{} has no certificate; give a file in PEM form",
            path.display()
        )),
        false => Ok(found),
    }
}

fn system_roots() -> Result<Vec<Certificate<'static>>, String> {
    let loaded = rustls_native_certs::load_native_certs();
    let errors: Vec<String> = loaded.errors.iter().map(ToString::to_string).collect();
    let variables = ["SSL_CERT_FILE", "SSL_CERT_DIR"];
    let set: Vec<&str> = variables
        .into_iter()
        .filter(|name| std::env::var_os(name).is_some())
        .collect();
    let repair = match set.is_empty() {
        true => "install the package ca-certificates, or give a file with the roots".to_owned(),
        false => format!(
            "correct {}, or give a file with the roots",
            set.join(" and ")
        ),
    };
    let has_unreadable = !set.is_empty() && !errors.is_empty();
    if loaded.certs.is_empty() || has_unreadable {
        let errors = match errors.is_empty() {
            true => "none was found".to_owned(),
            false => errors.join("; "),
        };
        return Err(format!(
            "the trusted roots of the system cannot be used: {errors}; {repair}"
        ));
    }
    let certificates = loaded.certs.iter();
    Ok(certificates
        .map(|certificate| Certificate::from_der(certificate).to_owned())
        .collect())
}

/// Reads a client certificate, and checks that its key matches.
fn client_certificate(identity: &ClientIdentity) -> Result<ClientCert, String> {
    let chain = certificates(&identity.certificate)?;
    let path = identity.key.display();
    let bytes = read(&identity.key)?;
    let unusable = |why: String| format!("{path} is no usable private key: {why}");
    let key = PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| unusable(error.to_string()))?;
    let der = chain.iter().map(|one| one.der().to_vec().into()).collect();
    let certified = CertifiedKey::from_der(der, key, &provider());
    certified.map_err(|error| {
        format!(
            "the key {path} does not belong to the certificate {}: {error}",
            identity.certificate.display()
        )
    })?;
    let key = PrivateKey::from_pem(&bytes).map_err(|error| unusable(error.to_string()))?;
    Ok(ClientCert::new_with_certs(&chain, key))
}
