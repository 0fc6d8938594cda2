use std::sync::Arc;
use std::time::Duration;

use catalog_core::{CatalogError, FetchProblem};

use super::hub::HubConfig;
use super::proxy::Proxies;
use super::resolve::{Resolve, SystemResolver};
use super::tls::{ClientIdentity, TrustedRoots};

/// The configuration of the network fetchers. A new value uses no proxy, trusts the roots of the
/// system, and refuses plain `http:` except to addresses of this host.
///
/// ```
/// use model_fetchers::NetworkConfig;
///
/// let config = NetworkConfig::default().connections(4);
/// # assert_eq!(config.connections, 4);
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct NetworkConfig {
    /// The proxies.
    pub proxies: Proxies,
    /// The authorities whose certificates are trusted.
    pub roots: TrustedRoots,
    /// The certificate with which a fetcher identifies itself.
    pub identity: Option<ClientIdentity>,
    /// Whether plain `http:` is allowed to every host.
    pub allow_http: bool,
    /// The maximum number of connections of one call.
    pub connections: usize,
    /// The maximum number of retries of a file without a mebibyte of progress between them.
    pub retries: u32,
    /// The times.
    pub times: Times,
    /// The number of bytes of a call after which its files are made durable, so that a later
    /// process can continue them.
    pub journal_step: u64,
    /// The resolver of host names.
    pub resolver: Arc<dyn Resolve>,
    /// The access to the hub.
    pub hub: HubConfig,
}

/// The times of a [`NetworkConfig`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Times {
    /// The time for resolving a name.
    pub resolve: Duration,
    /// The time for a connection, TLS included.
    pub connect: Duration,
    /// The time after which the next address of a host is tried, too.
    pub next_address: Duration,
    /// The time without a byte after which a connection counts as dead.
    pub stall: Duration,
    /// The time over which less than a kibibyte a second counts as dead.
    pub slow: Duration,
    /// The pause before the first retry. Each retry doubles it.
    pub first_pause: Duration,
    /// The maximum pause before a retry, unless the server asks for a longer one.
    pub longest_pause: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            resolve: Duration::from_secs(10),
            connect: Duration::from_secs(15),
            next_address: Duration::from_millis(250),
            stall: Duration::from_secs(30),
            slow: Duration::from_secs(60),
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(10),
        }
    }
}

impl Default for NetworkConfig {
    fn default() -> Self {
        Self {
            proxies: Proxies::default(),
            roots: TrustedRoots::default(),
            identity: None,
            allow_http: false,
            connections: 8,
            retries: 5,
            times: Times::default(),
            journal_step: 16 << 20,
            resolver: Arc::new(SystemResolver),
            hub: HubConfig::default(),
        }
    }
}

/// Returns the error of an unusable configuration.
pub(crate) fn misconfigured(detail: String) -> CatalogError {
    CatalogError::Fetch {
        reference: "over the network".to_owned(),
        problem: FetchProblem::Misconfigured,
        detail,
        repair: FetchProblem::Misconfigured.repair().into(),
    }
}

impl NetworkConfig {
    /// Reads the settings of the environment. The proxies come from `HTTP_PROXY`, `HTTPS_PROXY`,
    /// `ALL_PROXY` and `NO_PROXY`, where the spelling in lower case wins. The address of the hub
    /// comes from `HF_ENDPOINT`, and `HF_HUB_OFFLINE` forbids its use. The token of the hub comes
    /// from `HF_TOKEN`, `HUGGING_FACE_HUB_TOKEN`, the file `HF_TOKEN_PATH`, or the file `token` in
    /// `HF_HOME`, in this order.
    ///
    /// # Errors
    ///
    /// A [`Fetch`](CatalogError::Fetch) error with [`Misconfigured`](FetchProblem::Misconfigured)
    /// that names the variable with an unusable value.
    pub fn from_environment() -> Result<Self, CatalogError> {
        let get = |name: &str| std::env::var(name).ok();
        let proxies = Proxies::from_variables(&get).map_err(misconfigured)?;
        let hub = HubConfig::from_variables(&get);
        Ok(Self::default().proxies(proxies).hub(hub))
    }

    /// Sets the proxies.
    #[must_use]
    pub fn proxies(mut self, proxies: Proxies) -> Self {
        self.proxies = proxies;
        self
    }

    /// Sets the authorities whose certificates are trusted.
    #[must_use]
    pub fn roots(mut self, roots: TrustedRoots) -> Self {
        self.roots = roots;
        self
    }

    /// Sets the certificate with which a fetcher identifies itself.
    #[must_use]
    pub fn identity(mut self, identity: ClientIdentity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// Allows plain `http:` to every host. Such bytes are proven only by a given digest.
    #[must_use]
    pub fn allow_http(mut self) -> Self {
        self.allow_http = true;
        self
    }

    /// Sets the maximum number of connections of one call. Zero counts as one.
    #[must_use]
    pub fn connections(mut self, connections: usize) -> Self {
        self.connections = connections.max(1);
        self
    }

    /// Sets the maximum number of retries.
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// Sets the times.
    #[must_use]
    pub fn times(mut self, change: impl FnOnce(&mut Times)) -> Self {
        change(&mut self.times);
        self
    }

    /// Sets the number of bytes of a call after which its files are made durable.
    #[must_use]
    pub fn journal_step(mut self, bytes: u64) -> Self {
        self.journal_step = bytes;
        self
    }

    /// Sets the access to the hub.
    #[must_use]
    pub fn hub(mut self, hub: HubConfig) -> Self {
        self.hub = hub;
        self
    }

    /// Sets the resolver of host names.
    #[must_use]
    pub fn resolver(mut self, resolver: impl Resolve + 'static) -> Self {
        self.resolver = Arc::new(resolver);
        self
    }
}
