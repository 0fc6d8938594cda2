//! The rules of a provisioner, as plain data. The defaults allow each model whose bytes have the
//! expected digest, and each model without an expected digest.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use catalog_core::{AddressSet, ContentCheck, HostOrigin, ModelRef, OutboundGate, SourceHost};
use serde::{Deserialize, Serialize};

use crate::host::{normal_host, without_port};

/// The rules of a provisioner. Each rule is applied as early as possible, and a refusal names the
/// rule. A policy is also the gate of fetchers that use the network.
///
/// ```
/// use model_provisioner::{Policy, StagingMode};
///
/// let policy = Policy::default().staging(StagingMode::Managed).max_bytes(80 << 30);
/// # assert_eq!(policy.max_bytes, Some(80 << 30));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Policy {
    /// The reaction to a wrong digest.
    pub on_mismatch: OnMismatch,
    /// The reaction to a model without a digest from a caller or a source.
    pub unverified: Unverified,
    /// If true, fetchers may connect to no other host.
    pub offline: bool,
    /// The sources to which fetchers may connect. This rule is applied before a process is started
    /// or a socket is opened.
    pub outbound: Outbound,
    /// The place of local models.
    pub staging: StagingMode,
    /// The maximum size of a model in bytes. It applies to models in every place.
    pub max_bytes: Option<u64>,
    /// The check of the content of a new model: whether each file has the format that its name
    /// states.
    pub content: ContentCheck,
}

/// The reaction to a wrong digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OnMismatch {
    /// The call fails, and the registered model stays.
    #[default]
    Fail,
    /// The call warns and registers the model without a proof. The entry has no digest, or keeps
    /// the pinned digest if the model stays where it is.
    Warn,
}

/// The reaction to a model for which neither a caller nor the source states a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Unverified {
    /// The call warns and uses the model.
    #[default]
    Warn,
    /// The call refuses the model.
    Refuse,
}

/// The place of local models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StagingMode {
    /// Local models stay where they are. No copy is made, so another program can change them.
    #[default]
    InPlace,
    /// Local models are imported into the store.
    Managed,
}

/// The sources to which fetchers may connect. The rules do not apply to fetchers that stay on this
/// host, such as the fetcher of local files.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Outbound {
    /// The schemes, such as `hf`.
    pub schemes: Filter,
    /// The hosts, such as `huggingface.co`. A rule `.example.org` matches all hosts below that
    /// domain. If there is any rule for hosts, an address in a form that programs read in different
    /// ways is refused.
    pub hosts: Filter,
    /// The addresses. They count in addition to the rules for hosts.
    pub addresses: AddressRules,
    /// The organisations of the hub, for `hf:` references.
    pub organisations: Filter,
}

/// The rules for sets of network addresses. An address of which no rule speaks is allowed as
/// [`AddressSet::is_allowed_by_default`] says.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct AddressRules {
    /// The sets that are allowed although they are not allowed by default.
    pub allow: BTreeSet<AddressSet>,
    /// The sets that are denied. A set that is also allowed is denied.
    pub deny: BTreeSet<AddressSet>,
}

impl AddressRules {
    /// Allows the addresses of a set.
    #[must_use]
    pub fn allow(mut self, set: AddressSet) -> Self {
        self.allow.insert(set);
        self
    }

    /// Denies the addresses of a set.
    #[must_use]
    pub fn deny(mut self, set: AddressSet) -> Self {
        self.deny.insert(set);
        self
    }
}

/// A filter of names. It ignores the case of letters.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Filter {
    /// The allowed names. `None` allows all names.
    pub allow: Option<BTreeSet<String>>,
    /// The denied names. A name that is also allowed is denied.
    pub deny: BTreeSet<String>,
}

/// A refusal, with the rule that caused it.
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
    /// Creates a filter that allows only these names.
    pub fn only<T: Into<String>>(names: impl IntoIterator<Item = T>) -> Self {
        Self {
            allow: Some(names.into_iter().map(Into::into).collect()),
            deny: BTreeSet::new(),
        }
    }

    /// Creates a filter that allows all names but these.
    pub fn except<T: Into<String>>(names: impl IntoIterator<Item = T>) -> Self {
        Self {
            allow: None,
            deny: names.into_iter().map(Into::into).collect(),
        }
    }

    /// Returns the refusal of a name, if the filter refuses it. `rules` are the names of the fields
    /// for allowed and denied names, and `kind` is the kind of the name.
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
            detail: format!("{kind} {name:?} is not allowed"),
        })
    }

    /// Returns the filter with its hosts in the form that is compared with rules.
    fn of_hosts(&self) -> Self {
        let normal = |names: &BTreeSet<String>| {
            let names = names.iter().map(|rule| {
                let host = without_port(rule);
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

fn is_meant(rule: &str, name: &str) -> bool {
    let (rule, name) = (rule.to_ascii_lowercase(), name.to_ascii_lowercase());
    rule == name || (rule.starts_with('.') && name.ends_with(&rule))
}

impl Policy {
    /// Sets the reaction to a wrong digest.
    #[must_use]
    pub fn on_mismatch(mut self, reaction: OnMismatch) -> Self {
        self.on_mismatch = reaction;
        self
    }

    /// Sets the reaction to a model without a digest from a caller or a source.
    #[must_use]
    pub fn unverified(mut self, reaction: Unverified) -> Self {
        self.unverified = reaction;
        self
    }

    /// Forbids fetchers to connect to other hosts.
    #[must_use]
    pub fn offline(mut self) -> Self {
        self.offline = true;
        self
    }

    /// Sets the sources to which fetchers may connect.
    #[must_use]
    pub fn outbound(mut self, outbound: Outbound) -> Self {
        self.outbound = outbound;
        self
    }

    /// Sets the place of local models.
    #[must_use]
    pub fn staging(mut self, staging: StagingMode) -> Self {
        self.staging = staging;
        self
    }

    /// Sets the maximum size of a model in bytes.
    #[must_use]
    pub fn max_bytes(mut self, bytes: impl Into<Option<u64>>) -> Self {
        self.max_bytes = bytes.into();
        self
    }

    /// Sets the check of the content of a new model.
    #[must_use]
    pub fn content(mut self, check: ContentCheck) -> Self {
        self.content = check;
        self
    }
}

impl Policy {
    /// Returns the refusal of a connection to a host for a model, if a rule forbids it.
    pub(crate) fn outbound_refusal(&self, mr: &ModelRef, host: &SourceHost) -> Option<Refusal> {
        let host = match host {
            SourceHost::ThisHost => return None,
            SourceHost::Other(host) => Some(host.as_str()),
            _ => None,
        };
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
            .or_else(|| self.scheme_refusal(&mr.scheme()))
            .or_else(|| self.host_refusal(host))
            .or_else(by_organisation)
    }

    fn offline_refusal(&self) -> Option<Refusal> {
        self.offline.then(|| Refusal {
            rule: "offline",
            detail: "the model is not on this host, and nothing may be fetched".to_owned(),
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
            // The host is unknown, so no rule can allow it.
            None => Some(Refusal {
                rule: rules.0,
                detail: "the host of the source is unknown, or is an address in an unusual form"
                    .to_owned(),
            }),
        }
    }

    /// Returns the refusal of a model of this size in bytes, if a rule forbids it.
    pub(crate) fn size_refusal(&self, bytes: u64) -> Option<Refusal> {
        let max = self.max_bytes.filter(|max| bytes > *max)?;
        Some(Refusal {
            rule: "max_bytes",
            detail: format!("it has at least {bytes} bytes, and {max} bytes are allowed"),
        })
    }

    /// Returns the refusal of a model without a digest from a caller or a source, if a rule forbids
    /// it.
    pub(crate) fn unverified_refusal(&self) -> Option<Refusal> {
        (self.unverified == Unverified::Refuse).then(|| Refusal {
            rule: "unverified",
            detail:
                "no digest of the model is known, and its source states no hashes; give the digest"
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
        _origin: HostOrigin,
    ) -> Result<(), String> {
        let refusal = self
            .offline_refusal()
            .or_else(|| self.scheme_refusal(scheme))
            .or_else(|| self.host_refusal(Some(host)));
        refusal.map_or(Ok(()), |refusal| Err(refusal.to_string()))
    }

    /// Refuses a denied address for every host name. Also refuses the addresses of a denied set,
    /// and the addresses that [`AddressSet::is_allowed_by_default`] excludes, unless a rule allows
    /// the address or its set.
    fn check_address(&self, host: &str, address: IpAddr, origin: HostOrigin) -> Result<(), String> {
        let rules = ("outbound.hosts.allow", "outbound.hosts.deny");
        let hosts = self.outbound.hosts.of_hosts();
        let text = address.to_canonical().to_string();
        let is_named = |names: &BTreeSet<String>| names.contains(&text);
        if is_named(&hosts.deny) {
            return Err(format!("rule `{}`: address {text} of {host}", rules.1));
        }
        let set = AddressSet::of(address);
        let addresses = &self.outbound.addresses;
        if addresses.deny.contains(&set) {
            return Err(format!(
                "rule `outbound.addresses.deny`: {host} has the {set} address {text}"
            ));
        }
        let is_allowed =
            addresses.allow.contains(&set) || hosts.allow.as_ref().is_some_and(is_named);
        if is_allowed || set.is_allowed_by_default(origin) {
            return Ok(());
        }
        let by = match origin {
            HostOrigin::Named => "",
            HostOrigin::Redirected => "a redirect led there, and ",
        };
        Err(format!(
            "{by}{host} has the {set} address {text}; to allow it, add {:?} to \
             `outbound.addresses.allow`",
            set.name()
        ))
    }
}
