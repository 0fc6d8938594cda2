use std::fmt;
use std::net::IpAddr;

use super::url::{Origin, Url};

/// The proxies of a fetcher, and the hosts that are reached without one. A new value has no proxy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    http: Option<Proxy>,
    https: Option<Proxy>,
    exceptions: Vec<Exception>,
}

/// A proxy. Its credentials are sent to no other host.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Proxy {
    pub(crate) origin: Origin,
    /// The value of the header `Proxy-Authorization`.
    pub(crate) authorization: Option<String>,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({})", self.origin)
    }
}

/// A rule for hosts that are reached without a proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Exception {
    All,
    /// A host, and all hosts below it.
    Host(String, Option<u16>),
    Network(IpAddr, u8),
}

impl Proxies {
    /// Sets the proxy for `http:` URLs, such as `http://proxy.example:3128`. The URL can hold a
    /// user name and a password.
    ///
    /// # Errors
    ///
    /// A text that describes the defect of the URL. Only `http:` proxies are supported.
    pub fn http(mut self, url: &str) -> Result<Self, String> {
        self.http = Some(Proxy::parse(url)?);
        Ok(self)
    }

    /// Sets the proxy for `https:` URLs. It is asked for a tunnel with `CONNECT`.
    ///
    /// # Errors
    ///
    /// The errors of [`http`](Self::http).
    pub fn https(mut self, url: &str) -> Result<Self, String> {
        self.https = Some(Proxy::parse(url)?);
        Ok(self)
    }

    /// Sets the hosts that are reached without a proxy, separated by commas: `*` for all hosts, a
    /// host with all hosts below it, an address, a network such as `10.0.0.0/8`. A host can have a
    /// port. Entries that are none of these match no host.
    #[must_use]
    pub fn except(mut self, hosts: &str) -> Self {
        let entries = hosts.split([',', ' ']).map(str::trim);
        self.exceptions = entries.filter_map(Exception::parse).collect();
        self
    }

    /// Reads the proxies from `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`. The spelling
    /// in lower case wins. An empty value counts as unset.
    pub(crate) fn from_variables(get: &dyn Fn(&str) -> Option<String>) -> Result<Self, String> {
        let value = |name: &str| {
            let lower = get(&name.to_ascii_lowercase());
            let value = lower.or_else(|| get(name))?;
            (!value.trim().is_empty()).then_some(value)
        };
        let proxy = |name: &str| {
            let Some(url) = value(name) else {
                return Ok(None);
            };
            let parsed = Proxy::parse(url.trim());
            parsed.map(Some).map_err(|why| format!("{name}: {why}"))
        };
        let all = proxy("ALL_PROXY")?;
        let proxies = Self {
            http: proxy("HTTP_PROXY")?.or_else(|| all.clone()),
            https: proxy("HTTPS_PROXY")?.or(all),
            exceptions: Vec::new(),
        };
        Ok(match value("NO_PROXY") {
            Some(hosts) => proxies.except(&hosts),
            None => proxies,
        })
    }

    /// Returns the proxy through which an origin is reached.
    pub(crate) fn of(&self, origin: &Origin) -> Option<&Proxy> {
        let proxy = match origin.is_tls {
            true => self.https.as_ref(),
            false => self.http.as_ref(),
        };
        proxy.filter(|_| !self.exceptions.iter().any(|rule| rule.is_for(origin)))
    }
}

impl Proxy {
    fn parse(text: &str) -> Result<Self, String> {
        let scheme = text.split_once("://").map(|(scheme, _)| scheme);
        if let Some(scheme) = scheme.filter(|scheme| !scheme.eq_ignore_ascii_case("http")) {
            let scheme = scheme.to_ascii_lowercase();
            return Err(format!(
                "a proxy with the scheme {scheme}: is not supported; give an http: proxy"
            ));
        }
        let url = match scheme {
            Some(_) => text.to_owned(),
            None => format!("http://{text}"),
        };
        let (url, authorization) = Url::parse(&url)
            .map_err(|why| format!("the address of the proxy is unusable: {why}"))?;
        Ok(Self {
            origin: url.origin().clone(),
            authorization,
        })
    }

    /// Returns the header that authorises a request to the proxy, with the end of its line.
    pub(crate) fn header(&self) -> String {
        let value = self.authorization.as_ref();
        value.map_or(String::new(), |value| {
            format!("Proxy-Authorization: {value}\r\n")
        })
    }
}

impl Exception {
    fn parse(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        if text == "*" {
            return Some(Self::All);
        }
        if let Some((address, bits)) = text.split_once('/') {
            let address: IpAddr = address.parse().ok()?;
            return Some(Self::Network(address, bits.parse().ok()?));
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
                (host, Some(port.parse().ok()?))
            }
            _ => (text.as_str(), None),
        };
        let host = host.trim_start_matches("*.").trim_start_matches('.');
        let host = host.trim_start_matches('[').trim_end_matches(']');
        (!host.is_empty()).then(|| Self::Host(host.to_owned(), port))
    }

    fn is_for(&self, origin: &Origin) -> bool {
        match self {
            Self::All => true,
            Self::Host(host, port) => {
                let below = origin.host.strip_suffix(host.as_str());
                let is_host = below.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
                is_host && port.is_none_or(|port| port == origin.port)
            }
            Self::Network(network, bits) => match (network, origin.host.parse::<IpAddr>()) {
                (IpAddr::V4(network), Ok(IpAddr::V4(host))) => {
                    let shift = 32_u32.saturating_sub((*bits).into());
                    let prefix = |address: u32| address.checked_shr(shift).unwrap_or(0);
                    prefix(u32::from(*network)) == prefix(u32::from(host))
                }
                (IpAddr::V6(network), Ok(IpAddr::V6(host))) => {
                    let shift = 128_u32.saturating_sub((*bits).into());
                    let prefix = |address: u128| address.checked_shr(shift).unwrap_or(0);
                    prefix(u128::from(*network)) == prefix(u128::from(host))
                }
                _ => false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(proxies: &Proxies, url: &str) -> Option<String> {
        let (url, _) = Url::parse(url).unwrap();
        let proxy = proxies.of(url.origin());
        proxy.map(|proxy| proxy.origin.to_string())
    }

    /// NET-133
    #[test]
    fn exceptions_are_hosts_suffixes_addresses_networks_and_ports() {
        let all = Proxies::default().http("proxy:3128").unwrap();
        let cases = [
            ("*", "http://a.example/", true),
            ("example.org", "http://example.org/", true),
            ("example.org", "http://a.example.org/", true),
            (".example.org", "http://a.example.org/", true),
            ("example.org", "http://badexample.org/", false),
            ("a.example:8080", "http://a.example/", false),
            ("a.example:8080", "http://a.example:8080/", true),
            ("10.0.0.0/8", "http://10.1.2.3/", true),
            ("10.0.0.0/8", "http://11.1.2.3/", false),
            ("0.0.0.0/0", "http://11.1.2.3/", true),
            ("fd00::/8", "http://[fd12::1]/", true),
            ("::1", "http://[::1]/", true),
            ("x, 127.0.0.1", "http://127.0.0.1/", true),
        ];
        for (hosts, url, is_direct) in cases {
            let proxies = all.clone().except(hosts);
            assert_eq!(of(&proxies, url).is_none(), is_direct, "{hosts} {url}");
        }
    }

    /// NET-133
    #[test]
    fn lower_case_wins_and_all_is_the_rest() {
        let get = |name: &str| {
            let value = match name {
                "HTTP_PROXY" => "http://upper:1",
                "http_proxy" => "http://user:secret@lower:2",
                "ALL_PROXY" => "all:3",
                _ => return None,
            };
            Some(value.to_owned())
        };
        let proxies = Proxies::from_variables(&get).unwrap();
        assert_eq!(of(&proxies, "http://a/").as_deref(), Some("http://lower:2"));
        assert_eq!(of(&proxies, "https://a/").as_deref(), Some("http://all:3"));
        let http = proxies.http.as_ref().unwrap();
        // `user:secret`
        assert_eq!(
            http.authorization.as_deref(),
            Some("Basic dXNlcjpzZWNyZXQ=")
        );
        assert!(!format!("{proxies:?}").contains("secret"));
    }

    /// NET-132
    #[test]
    fn a_socks_proxy_is_an_error_that_names_the_variable() {
        let get = |name: &str| (name == "ALL_PROXY").then(|| "socks5h://user:secret@p".to_owned());
        let error = Proxies::from_variables(&get).unwrap_err();
        assert!(
            error.contains("ALL_PROXY") && error.contains("socks5h"),
            "{error}"
        );
        assert!(!error.contains("secret"), "{error}");
    }
}
