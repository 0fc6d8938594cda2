//! The client of one call: requests with our own redirects, under the gate of the call.

use std::collections::BTreeMap;
use std::io::Read;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use catalog_core::{AddressSet, HostOrigin, OutboundGate};
use ureq::Agent;
use ureq::http::header::{AUTHORIZATION, LOCATION};
use ureq::http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, Uri};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{Connector as _, NextTimeout, RustlsConnector};

use super::body::{Body, FailuresAreErrors};
use super::config::NetworkConfig;
use super::error::NetError;
use super::hub::is_hub;
use super::resolve::resolve;
use super::stop::Stop;
use super::tls::Tls;
use super::url::{Origin, Url};
use super::wire::Dialer;

/// The maximum number of redirects of a request.
const MAX_REDIRECTS: usize = 10;

/// The maximum size of the head of an answer, in bytes.
const MAX_HEAD: usize = 64 << 10;

/// The client of one call of a fetcher.
pub(crate) struct Client<'c> {
    agent: Agent,
    config: Arc<NetworkConfig>,
    gate: &'c dyn OutboundGate,
    addresses: Arc<Addresses>,
    stop: Stop,
    /// The mirror of the hub. Requests go to the mirror if an answer names the public hub.
    mirror: Option<Url>,
}

/// A request. Its headers go to the origin of its URL only.
#[derive(Clone)]
pub(crate) struct Ask {
    pub(crate) url: Url,
    /// The value of the header `Authorization`.
    pub(crate) authorization: Option<String>,
}

/// An answer, with the URL that gave it. Its body has not been read.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) url: Url,
    pub(crate) body: Body,
}

/// The addresses to which connections may be made, by origin: those of a host, or of the
/// proxy before the host. No other address is ever connected to, so a second answer of a name
/// server has no effect.
#[derive(Debug, Default)]
struct Addresses(Mutex<BTreeMap<Origin, Vec<SocketAddr>>>);

impl Addresses {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Origin, Vec<SocketAddr>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The resolver of the client library. It returns the addresses that the gate allowed.
#[derive(Debug)]
struct Allowed(Arc<Addresses>);

impl Resolver for Allowed {
    fn resolve(
        &self,
        uri: &Uri,
        _: &ureq::config::Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let (url, _) =
            Url::parse(&uri.to_string()).map_err(|why| NetError::Refused(why).into_ureq())?;
        let known = self.0.lock();
        let found = known.get(url.origin());
        let mut addresses = self.empty();
        let most = found.into_iter().flatten().take(16);
        most.for_each(|address| addresses.push(*address));
        match addresses.is_empty() {
            true => Err(ureq::Error::HostNotFound),
            false => Ok(addresses),
        }
    }
}

impl<'c> Client<'c> {
    pub(crate) fn new(
        config: &Arc<NetworkConfig>,
        tls: &Tls,
        gate: &'c dyn OutboundGate,
        needs_tls: bool,
    ) -> Result<Self, NetError> {
        let stop = Stop::default();
        let addresses = Arc::new(Addresses::default());
        let times = &config.times;
        let mut builder = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .accept_encoding("identity")
            .user_agent(concat!("model-fetchers/", env!("CARGO_PKG_VERSION")))
            .max_response_header_size(MAX_HEAD)
            .max_idle_connections(config.connections * 2)
            .max_idle_connections_per_host(config.connections * 2)
            .timeout_connect(Some(times.connect))
            .timeout_recv_response(Some(times.slow))
            .timeout_per_read(Some(times.stall))
            .timeout_per_write(Some(times.stall));
        match tls.config() {
            Ok(tls) => builder = builder.tls_config(tls),
            Err(why) if needs_tls => return Err(NetError::Configuration(why)),
            // Without usable roots, no `https:` request succeeds, and a redirect to one says why.
            Err(_) => {}
        }
        let dialer = Dialer {
            config: Arc::clone(config),
            stop: stop.clone(),
        };
        let agent = Agent::with_parts(
            builder.build(),
            dialer
                .chain(RustlsConnector::default())
                .chain(FailuresAreErrors),
            Allowed(Arc::clone(&addresses)),
        );
        Ok(Self {
            agent,
            config: Arc::clone(config),
            gate,
            addresses,
            stop,
            mirror: None,
        })
    }

    /// Asks this mirror if an answer names the public hub.
    pub(crate) fn with_mirror(mut self, mirror: Url) -> Self {
        self.mirror = Some(mirror).filter(|mirror| !is_hub(&mirror.origin().host));
        self
    }

    /// Returns the URL that a header of an answer from `url` names. The public hub stands for the
    /// mirror, if there is one.
    pub(crate) fn target(&self, url: &Url, text: &str) -> Result<Url, String> {
        let target = url.join(text)?;
        Ok(match &self.mirror {
            Some(mirror) if is_hub(&target.origin().host) => target.moved_below(mirror),
            _ => target,
        })
    }

    pub(crate) fn stop(&self) -> &Stop {
        &self.stop
    }

    pub(crate) fn config(&self) -> &NetworkConfig {
        &self.config
    }

    /// Ends all requests of the client, also those that wait for a byte.
    pub(crate) fn end(&self) {
        self.stop.set();
        self.agent.clone().shutdown();
    }

    /// Sends a GET request and follows its redirects.
    pub(crate) fn get(
        &self,
        ask: &Ask,
        headers: &[(HeaderName, HeaderValue)],
    ) -> Result<Answer, NetError> {
        let mut url = ask.url.clone();
        let mut origin = HostOrigin::Named;
        for _ in 0..=MAX_REDIRECTS {
            self.stop.check()?;
            let is_public = self.allow(url.origin(), origin)?;
            let mut request = Request::get(url.as_secret_str());
            for (name, value) in headers {
                request = request.header(name, value);
            }
            if let Some(authorization) = &ask.authorization
                && url.origin() == ask.url.origin()
            {
                request = request.header(AUTHORIZATION, authorization);
            }
            let host = url.origin().host.clone();
            let request = request
                .body(())
                .map_err(|error| NetError::Refused(format!("the request is malformed: {error}")))?;
            let response = self
                .agent
                .run(request)
                .map_err(|error| self.failure(error, &host))?;
            let (parts, body) = response.into_parts();
            let is_redirect = matches!(parts.status.as_u16(), 301 | 302 | 303 | 307 | 308);
            if !is_redirect {
                return Ok(Answer {
                    status: parts.status,
                    headers: parts.headers,
                    url,
                    body: Body::new(body, self.config.times.slow),
                });
            }
            let target = parts
                .headers
                .get(LOCATION)
                .and_then(|value| value.to_str().ok());
            let Some(target) = target else {
                return Err(NetError::Refused(format!(
                    "{host} redirects (status {}) without a usable Location",
                    parts.status.as_u16()
                )));
            };
            let next = self
                .target(&url, target)
                .map_err(|why| NetError::Refused(format!("{host}: {why}")))?;
            if url.origin().is_tls && !next.origin().is_tls {
                return Err(NetError::Refused(format!(
                    "{host} redirects from https to http, to {}",
                    next.origin()
                )));
            }
            if is_public {
                origin = HostOrigin::Redirected;
            }
            drop(body);
            url = next;
        }
        Err(NetError::Refused(format!(
            "{} redirects more than {MAX_REDIRECTS} times",
            ask.url.origin()
        )))
    }

    fn failure(&self, error: ureq::Error, host: &str) -> NetError {
        match self.stop.is_set() {
            true => NetError::Stopped,
            false => NetError::of_ureq(error, host, self.config.times.stall),
        }
    }

    /// Returns the error of reading a body.
    pub(crate) fn broken(&self, error: std::io::Error, url: &Url) -> NetError {
        match self.stop.is_set() {
            true => NetError::Stopped,
            false => NetError::of_io(error, &url.origin().host, self.config.times.stall),
        }
    }

    /// Asks the gate whether a connection to a host may be made, and notes the allowed addresses.
    /// Returns whether the host has a public address.
    fn allow(&self, target: &Origin, origin: HostOrigin) -> Result<bool, NetError> {
        let host = &target.host;
        if !target.is_tls && !self.config.allow_http && !is_loopback_literal(host) {
            return Err(NetError::PlainHttp { host: host.clone() });
        }
        let forbidden = NetError::Forbidden;
        let checked = self
            .gate
            .check_host(target.scheme(), host, target.port, origin);
        checked.map_err(forbidden)?;
        let proxy = self.config.proxies.of(target);
        let (peer, peer_origin) = match proxy {
            // The caller named the proxy.
            Some(proxy) => (&proxy.origin, HostOrigin::Named),
            None => (target, origin),
        };
        let times = &self.config.times;
        // A proxy resolves names, but the address in a URL is known.
        if let (Some(_), Ok(address)) = (proxy, host.parse::<IpAddr>()) {
            let checked = self.gate.check_address(host, address, origin);
            checked.map_err(forbidden)?;
        }
        let known = self.addresses.lock().get(target).cloned();
        let found = match &known {
            Some(known) => known.clone(),
            None => resolve(
                &self.config.resolver,
                &peer.host,
                peer.port,
                times.resolve,
                &self.stop,
            )?,
        };
        let (mut allowed, mut refusal) = (Vec::new(), None);
        for address in found {
            match self
                .gate
                .check_address(&peer.host, address.ip(), peer_origin)
            {
                Ok(()) => allowed.push(address),
                Err(why) => refusal = Some(why),
            }
        }
        match refusal {
            // An open connection may lead to any known address.
            Some(why) if allowed.is_empty() || known.is_some() => return Err(forbidden(why)),
            _ => {}
        }
        // The addresses behind a proxy are not known.
        let is_public = proxy.is_some()
            || allowed
                .iter()
                .any(|address| AddressSet::of(address.ip()) == AddressSet::Public);
        self.addresses.lock().insert(target.clone(), allowed);
        Ok(is_public)
    }
}

/// Returns true for an address of this host. A name is none, because name servers decide where it
/// leads.
fn is_loopback_literal(host: &str) -> bool {
    let address = host.parse::<IpAddr>();
    address.is_ok_and(|address| address.to_canonical().is_loopback())
}

/// Reads the first bytes of a body as a text, for an error message.
pub(crate) fn first_text(body: &mut dyn Read) -> String {
    let mut bytes = Vec::new();
    let _ = body.take(1024).read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes);
    let text = text.replace(|c: char| c.is_control() && !c.is_whitespace(), " ");
    let line: Vec<&str> = text.split_whitespace().collect();
    line.join(" ")
}
