//! The rules of a provisioner, as plain data. The defaults allow each model whose bytes are the
//! expected ones, or of which nothing is expected.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use catalog_core::{ContentCheck, HostOrigin, ModelRef, OutboundGate, SourceHost};
use serde::{Deserialize, Serialize};

use crate::host::{is_public, normal_host, without_port};

/// The rules of a provisioner. Each rule is decided as early as possible, and a refusal names its
/// rule. A policy is also the gate of network fetchers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Policy {
    /// The reaction to a wrong digest.
    pub on_mismatch: OnMismatch,
    /// The reaction to models that nothing proves.
    pub unverified: Unverified,
    /// If true, fetchers may ask no other host at all.
    pub offline: bool,
    /// The sources that fetchers may ask, decided before any process or socket.
    pub outbound: Outbound,
    /// The place of local models.
    pub staging: StagingMode,
    /// The maximum size of a model in bytes, wherever the model is.
    pub max_bytes: Option<u64>,
    /// The check of the content of a model that is new here: whether the files are what their names say.
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
    /// The call warns. The model is registered without a proof: its entry has no digest, or keeps the
    /// pinned one if the model stays where it is.
    Warn,
}

/// The reaction to models that nothing proves: neither a caller nor their source states a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Unverified {
    /// The call warns and uses them.
    #[default]
    Warn,
    /// The call refuses them.
    Refuse,
}

/// The place of local models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StagingMode {
    /// Local models stay where they are: no copy is made, and nothing protects them from changes.
    #[default]
    InPlace,
    /// Local models are imported into the store.
    Managed,
}

/// The sources that fetchers may ask. The rules do not concern fetchers that stay on this host, such as
/// the one for local files.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Outbound {
    /// The schemes, such as `hf`.
    pub schemes: Filter,
    /// The hosts, such as `huggingface.co`; `.example.org` stands for all hosts below it. An address
    /// in a form that several programs read differently is refused if there is any rule.
    pub hosts: Filter,
    /// The organisations of the hub, for `hf:` references.
    pub organisations: Filter,
}

/// A filter of names. Case makes no difference.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Filter {
    /// The allowed names. All names are allowed if it is not given.
    pub allow: Option<BTreeSet<String>>,
    /// The names that are denied, whatever is allowed.
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

    /// The same filter with its hosts in the form that rules are compared in.
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
    /// Returns the rule that forbids asking a host for a model.
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

    /// Returns the rule that forbids a model of this size in bytes.
    pub(crate) fn size_refusal(&self, bytes: u64) -> Option<Refusal> {
        let max = self.max_bytes.filter(|max| bytes > *max)?;
        Some(Refusal {
            rule: "max_bytes",
            detail: format!("it has {bytes} bytes or more, {max} are allowed"),
        })
    }

    /// Returns the rule that forbids models that nothing proves.
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
        _origin: HostOrigin,
    ) -> Result<(), String> {
        let refusal = self
            .offline_refusal()
            .or_else(|| self.scheme_refusal(scheme))
            .or_else(|| self.host_refusal(Some(host)));
        refusal.map_or(Ok(()), |refusal| Err(refusal.to_string()))
    }

    /// A denied address is refused whatever name led there. A redirect from a public address may not
    /// lead to an address of this host or of its own network, unless the rules allow that address.
    fn check_address(&self, host: &str, address: IpAddr, origin: HostOrigin) -> Result<(), String> {
        let rules = ("outbound.hosts.allow", "outbound.hosts.deny");
        let hosts = self.outbound.hosts.of_hosts();
        let text = address.to_canonical().to_string();
        let is_named = |names: &BTreeSet<String>| names.contains(&text);
        if is_named(&hosts.deny) {
            return Err(format!("rule `{}`: address {text} of {host}", rules.1));
        }
        let is_allowed = hosts.allow.as_ref().is_some_and(is_named);
        if origin == HostOrigin::Redirected && !is_allowed && !is_public(address) {
            return Err(format!(
                "a redirect led to {host} at {text}, which is no public address"
            ));
        }
        Ok(())
    }
}
