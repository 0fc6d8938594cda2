use std::io;

use catalog_core::{CatalogError, FetchProblem, ModelRef};

/// The reason why a request failed. No text holds a secret.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum NetError {
    /// The call was cancelled, or another part of it failed.
    #[error("the call ended")]
    Stopped,
    #[error("{0}")]
    Forbidden(String),
    #[error("plain http: to {host} is refused, because anybody on the way can change the bytes")]
    PlainHttp { host: String },
    #[error("{0}")]
    Refused(String),
    #[error("the name {host} cannot be resolved: {detail}")]
    Unresolved { host: String, detail: String },
    #[error("no connection to {host}: {detail}")]
    Unconnected { host: String, detail: String },
    #[error("no TLS connection to {host}: {detail}")]
    Untrusted { host: String, detail: String },
    #[error("the proxy {proxy} refused: {detail}")]
    Proxy { proxy: String, detail: String },
    #[error("{host} did not send a byte for {seconds} s")]
    Silent { host: String, seconds: f64 },
    #[error("the connection to {host} broke: {detail}")]
    Broken { host: String, detail: String },
    /// A proxy or the roots of the system cannot be used.
    #[error("{0}")]
    Configuration(String),
}

impl NetError {
    /// Returns true if another attempt may succeed at once.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Unresolved { .. }
                | Self::Unconnected { .. }
                | Self::Silent { .. }
                | Self::Broken { .. }
        )
    }

    fn problem(&self) -> FetchProblem {
        match self {
            Self::Forbidden(_) | Self::PlainHttp { .. } => FetchProblem::Forbidden,
            Self::Refused(_) => FetchProblem::Refused,
            Self::Untrusted { .. } => FetchProblem::Untrusted,
            Self::Proxy { .. } | Self::Configuration(_) => FetchProblem::Misconfigured,
            Self::Stopped
            | Self::Unresolved { .. }
            | Self::Unconnected { .. }
            | Self::Silent { .. }
            | Self::Broken { .. } => FetchProblem::Unreachable,
        }
    }

    /// Returns the error for the caller of a fetcher.
    pub(crate) fn for_model(&self, mr: &ModelRef) -> CatalogError {
        match self {
            Self::Stopped => CatalogError::Cancelled,
            Self::PlainHttp { .. } => CatalogError::Fetch {
                reference: mr.to_string(),
                problem: self.problem(),
                detail: self.to_string(),
                repair: "use https:, or allow plain http in the network configuration".into(),
            },
            error => CatalogError::fetch(mr, error.problem(), error.to_string()),
        }
    }

    /// Wraps the error for the client library.
    pub(super) fn into_ureq(self) -> ureq::Error {
        ureq::Error::Io(io::Error::other(self))
    }

    /// Returns the error of a request to a host.
    pub(super) fn of_ureq(error: ureq::Error, host: &str, stall: std::time::Duration) -> Self {
        let host = host.to_owned();
        match error {
            ureq::Error::Io(error) => Self::of_io(error, &host, stall),
            ureq::Error::Timeout(_) => Self::Silent {
                host,
                seconds: stall.as_secs_f64(),
            },
            ureq::Error::Rustls(error) => Self::Untrusted {
                host,
                detail: error.to_string(),
            },
            ureq::Error::Tls(detail) => Self::Untrusted {
                host,
                detail: detail.to_owned(),
            },
            // The text of this error has the URL, which may hold a secret.
            ureq::Error::BadUri(_) => Self::Refused(format!("the URL of {host} is malformed")),
            other => Self::Broken {
                host,
                detail: other.to_string(),
            },
        }
    }

    /// Returns the error of reading a body from a host.
    pub(crate) fn of_io(error: io::Error, host: &str, stall: std::time::Duration) -> Self {
        let Some(inner) = error.get_ref() else {
            return Self::broken(host, &error);
        };
        if let Some(own) = inner.downcast_ref::<Self>() {
            return own.clone();
        }
        if let Some(tls) = inner.downcast_ref::<rustls::Error>() {
            return Self::Untrusted {
                host: host.to_owned(),
                detail: tls.to_string(),
            };
        }
        match error.downcast::<ureq::Error>() {
            Ok(error) => Self::of_ureq(error, host, stall),
            Err(error) => Self::broken(host, &error),
        }
    }

    fn broken(host: &str, error: &io::Error) -> Self {
        Self::Broken {
            host: host.to_owned(),
            detail: error.to_string(),
        }
    }
}
