//! What a provisioner may do, as plain data. The defaults let everything through that is proved or
//! unexpected, and nothing that is wrong.

use std::collections::BTreeSet;
use std::net::IpAddr;

use catalog_core::ModelRef;
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
    /// How many bytes one model may bring at most.
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

/// A rule that refuses something, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The field of the policy.
    pub(crate) rule: &'static str,
    pub(crate) detail: String,
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

    /// Which half of it refuses a name.
    fn refuses(&self, name: &str) -> Option<Half> {
        let is_in = |names: &BTreeSet<String>| names.iter().any(|rule| is_meant(rule, name));
        if is_in(&self.deny) {
            return Some(Half::Deny);
        }
        match &self.allow {
            Some(allowed) if !is_in(allowed) => Some(Half::Allow),
            _ => None,
        }
    }
}

#[derive(Clone, Copy)]
enum Half {
    Allow,
    Deny,
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

/// Whether a rule ends with a port, which hosts are compared without.
fn is_with_port(rule: &str) -> bool {
    let colons = rule.matches(':').count();
    rule.contains("]:") || (colons == 1 && !rule.contains('['))
}

impl Policy {
    /// The rule that forbids asking another host for a model.
    pub(crate) fn outbound_refusal(&self, mr: &ModelRef, host: Option<&str>) -> Option<Refusal> {
        if matches!(mr, ModelRef::File { .. }) {
            return None;
        }
        if self.offline {
            return Some(Refusal {
                rule: "offline",
                detail: "it is not here, and nothing may be fetched".to_owned(),
            });
        }
        let outbound = &self.outbound;
        let refused = |filter: &Filter, rules: (&'static str, &'static str), kind, name: &str| {
            filter.refuses(name).map(|half| Refusal {
                rule: match half {
                    Half::Allow => rules.0,
                    Half::Deny => rules.1,
                },
                detail: format!("{kind} {name:?} may not be asked"),
            })
        };
        let rules = ("outbound.schemes.allow", "outbound.schemes.deny");
        let by_scheme = refused(&outbound.schemes, rules, "scheme", mr.scheme());
        let rules = ("outbound.hosts.allow", "outbound.hosts.deny");
        let hosts = outbound.hosts.of_hosts();
        let by_host = || match host.and_then(normal_host) {
            Some(host) => refused(&hosts, rules, "host", &host),
            None if hosts.is_empty() => None,
            // Whom it would ask is unknown, so no rule lets it through.
            None => Some(Refusal {
                rule: rules.0,
                detail: "the host that would be asked is not known, or is an unusual address"
                    .to_owned(),
            }),
        };
        let rules = (
            "outbound.organisations.allow",
            "outbound.organisations.deny",
        );
        let by_organisation = || {
            let parts = mr.as_hf()?;
            refused(&outbound.organisations, rules, "organisation", parts.org)
        };
        by_scheme.or_else(by_host).or_else(by_organisation)
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
