//! What a provisioner may do, as plain data. The defaults let everything through that is proved or
//! unexpected, and nothing that is wrong.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use catalog_core::{ModelRef, OutboundGate};
use serde::{Deserialize, Serialize};

/// The rules of a provisioner. Each is decided as early as it can be; a refusal names its rule.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Policy {
    /// What a wrong digest means.
    pub on_mismatch: OnMismatch,
    /// What becomes of models that nothing proves.
    pub unverified: Unverified,
    /// Whether everything must be here already: nothing is asked of any other host.
    pub offline: bool,
    /// Whom fetchers may ask, decided before any process or socket.
    pub outbound: Outbound,
    /// Whether local models are used where they are.
    pub staging: StagingMode,
    /// The maximum size of a model in bytes, wherever the model is.
    pub max_bytes: Option<u64>,
}

/// What a wrong digest means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnMismatch {
    /// An error; what was registered before stays.
    #[default]
    Fail,
    /// A warning. The model is registered, but never said to be proved: its entry has no digest, or
    /// the one that was pinned before if it stays where it is.
    Warn,
}

/// What becomes of models that nothing proves: no digest is known of them, and their source states
/// no hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unverified {
    /// They are used, with a warning.
    #[default]
    Warn,
    /// They are refused.
    Refuse,
}

/// Where local models are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StagingMode {
    /// Where they are: no copy, and no protection from who changes them.
    #[default]
    InPlace,
    /// In the store, into which they are imported.
    Managed,
}

/// Whom fetchers may ask. References to local files ask nobody.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Outbound {
    /// By scheme, such as `hf`.
    pub schemes: Filter,
    /// By host, such as `huggingface.co`; `.example.org` stands for all hosts below it. An address
    /// in a form that several programs read differently is refused if there is any rule.
    pub hosts: Filter,
    /// By organisation of the hub; concerns `hf:` references only.
    pub organisations: Filter,
}

/// Names that are let through. Case makes no difference.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// Only these, if it is given.
    pub allow: Option<BTreeSet<String>>,
    /// None of these, whatever is allowed.
    pub deny: BTreeSet<String>,
}

/// The refusal by a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The field of the policy.
    pub(crate) rule: &'static str,
    pub(crate) detail: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rule `{}`: {}", self.rule, self.detail)
    }
}

impl Filter {
    /// Only these names.
    pub fn only<T: Into<String>>(names: impl IntoIterator<Item = T>) -> Self {
        Self {
            allow: Some(names.into_iter().map(Into::into).collect()),
            deny: BTreeSet::new(),
        }
    }

    /// All names but these.
    pub fn all_but<T: Into<String>>(names: impl IntoIterator<Item = T>) -> Self {
        Self {
            allow: None,
            deny: names.into_iter().map(Into::into).collect(),
        }
    }

    /// Returns the refusal of a name. `rules` are the fields of both halves, and `kind` is the kind of
    /// the name.
    fn refusal(
        &self,
        rules: (&'static str, &'static str),
        kind: &str,
        name: &str,
    ) -> Option<Refusal> {
        let is_in = |names: &BTreeSet<String>| names.iter().any(|rule| is_meant(rule, name));
        let rule = match &self.allow {
            _ if is_in(&self.deny) => rules.1,
            Some(allowed) if !is_in(allowed) => rules.0,
            _ => return None,
        };
        Some(Refusal {
            rule,
            detail: format!("{kind} {name:?} may not be asked"),
        })
    }
}

fn is_meant(rule: &str, name: &str) -> bool {
    let (rule, name) = (rule.to_ascii_lowercase(), name.to_ascii_lowercase());
    rule == name || (rule.starts_with('.') && name.ends_with(&rule))
}

/// The one form of a host that rules are compared with. None for an address that is not in one of
/// the forms that all programs read alike.
fn normal_host(host: &str) -> Option<String> {
    let host = host.to_ascii_lowercase();
    let host = host.trim_end_matches('.');
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Some(address.to_string());
    }
    let last = bare.rsplit('.').next().unwrap_or_default();
    let is_number = last.starts_with(|c: char| c.is_ascii_digit())
        && last.chars().all(|c| c.is_ascii_hexdigit() || c == 'x');
    (!is_number && !bare.contains(':')).then(|| host.to_owned())
}

impl Filter {
    /// The same filter with its hosts in the form that rules are compared in.
    fn of_hosts(&self) -> Self {
        let normal = |names: &BTreeSet<String>| {
            let names = names.iter().map(|rule| {
                let (host, _) = rule
                    .rsplit_once(':')
                    .filter(|_| is_with_port(rule))
                    .unwrap_or((rule, ""));
                normal_host(host).unwrap_or_else(|| host.to_owned())
            });
            names.collect()
        };
        Self {
            allow: self.allow.as_ref().map(normal),
            deny: normal(&self.deny),
        }
    }

    fn is_empty(&self) -> bool {
        self.allow.is_none() && self.deny.is_empty()
    }
}

/// Returns true for an address of the public network: not of this host, of a private network or of a
/// link, nor of the metadata service of a cloud.
fn is_public(address: IpAddr) -> bool {
    /// The metadata service of Azure, which has a public address.
    const AZURE: Ipv4Addr = Ipv4Addr::new(168, 63, 129, 16);
    /// The prefix of the translation of IPv4 addresses.
    const NAT64: [u16; 6] = [0x64, 0xff9b, 0, 0, 0, 0];
    let address = match address.to_canonical() {
        IpAddr::V6(address) if address.segments()[..6] == NAT64 => {
            let [.., high, low] = address.segments();
            IpAddr::V4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)))
        }
        address => address,
    };
    match address {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            // 100.64.0.0/10 holds the networks of providers, and the metadata service of Alibaba.
            let is_shared = first == 100 && (64..128).contains(&second);
            !(address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_multicast()
                || address.is_broadcast()
                || first == 0
                || is_shared
                || address == AZURE)
        }
        IpAddr::V6(address) => {
            !(address.is_loopback()
                || address.is_unspecified()
                || address.is_unique_local()
                || address.is_unicast_link_local()
                || address.is_multicast())
        }
    }
}

/// Whether a rule ends with a port, which hosts are compared without.
fn is_with_port(rule: &str) -> bool {
    let colons = rule.matches(':').count();
    rule.contains("]:") || (colons == 1 && !rule.contains('['))
}

impl Policy {
    /// Returns the rule that forbids asking another host for a model.
    pub(crate) fn outbound_refusal(&self, mr: &ModelRef, host: Option<&str>) -> Option<Refusal> {
        if matches!(mr, ModelRef::File { .. }) {
            return None;
        }
        let by_organisation = || {
            let rules = (
                "outbound.organisations.allow",
                "outbound.organisations.deny",
            );
            let organisation = mr.as_hf()?.org;
            self.outbound
                .organisations
                .refusal(rules, "organisation", organisation)
        };
        self.offline_refusal()
            .or_else(|| self.scheme_refusal(mr.scheme()))
            .or_else(|| self.host_refusal(host))
            .or_else(by_organisation)
    }

    fn offline_refusal(&self) -> Option<Refusal> {
        self.offline.then(|| Refusal {
            rule: "offline",
            detail: "the model is not here, and nothing may be fetched".to_owned(),
        })
    }

    fn scheme_refusal(&self, scheme: &str) -> Option<Refusal> {
        let rules = ("outbound.schemes.allow", "outbound.schemes.deny");
        self.outbound.schemes.refusal(rules, "scheme", scheme)
    }

    fn host_refusal(&self, host: Option<&str>) -> Option<Refusal> {
        let rules = ("outbound.hosts.allow", "outbound.hosts.deny");
        let hosts = self.outbound.hosts.of_hosts();
        match host.and_then(normal_host) {
            Some(host) => hosts.refusal(rules, "host", &host),
            None if hosts.is_empty() => None,
            // The host that would be asked is unknown, so no rule allows it.
            None => Some(Refusal {
                rule: rules.0,
                detail: "the host that would be asked is not known, or is an unusual address"
                    .to_owned(),
            }),
        }
    }

    /// The rule that forbids a model of so many bytes.
    pub(crate) fn size_refusal(&self, bytes: u64) -> Option<Refusal> {
        let max = self.max_bytes.filter(|max| bytes > *max)?;
        Some(Refusal {
            rule: "max_bytes",
            detail: format!("it has {bytes} bytes or more, {max} are allowed"),
        })
    }

    /// The rule that forbids models that nothing proves.
    pub(crate) fn unverified_refusal(&self) -> Option<Refusal> {
        (self.unverified == Unverified::Refuse).then(|| Refusal {
            rule: "unverified",
            detail: "no digest is known of it, and its source states no hashes; give its digest"
                .to_owned(),
        })
    }
}

impl OutboundGate for Policy {
    fn check_host(
        &self,
        scheme: &str,
        host: &str,
        _port: u16,
        _is_redirected: bool,
    ) -> Result<(), String> {
        let refusal = self
            .offline_refusal()
            .or_else(|| self.scheme_refusal(scheme))
            .or_else(|| self.host_refusal(Some(host)));
        refusal.map_or(Ok(()), |refusal| Err(refusal.to_string()))
    }

    /// A denied address is refused whatever name led there. A redirect from a public address may not
    /// lead to an address of this host or of its own network, unless the rules allow that address.
    fn check_address(
        &self,
        host: &str,
        address: IpAddr,
        is_redirected: bool,
    ) -> Result<(), String> {
        let rules = ("outbound.hosts.allow", "outbound.hosts.deny");
        let hosts = self.outbound.hosts.of_hosts();
        let text = address.to_canonical().to_string();
        let is_named = |names: &BTreeSet<String>| names.contains(&text);
        if is_named(&hosts.deny) {
            return Err(format!("rule `{}`: address {text} of {host}", rules.1));
        }
        let is_allowed = hosts.allow.as_ref().is_some_and(is_named);
        if is_redirected && !is_allowed && !is_public(address) {
            return Err(format!(
                "a redirect led to {host} at {text}, which is no public address"
            ));
        }
        Ok(())
    }
}
