//! What a provisioner may do, as plain data. The defaults let everything through that is proved or
//! unexpected, and nothing that is wrong.

use std::collections::BTreeSet;

use catalog_core::ModelRef;
use serde::{Deserialize, Serialize};

/// The rules of a provisioner. Each is decided as early as it can be; a refusal names its rule.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
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
#[serde(default)]
#[non_exhaustive]
pub struct Outbound {
    /// By scheme, such as `hf`.
    pub schemes: Filter,
    /// By host, such as `huggingface.co`; `.example.org` stands for all hosts below it.
    pub hosts: Filter,
    /// By organisation of the hub; concerns `hf:` references only.
    pub organisations: Filter,
}

/// Names that are let through. Case makes no difference.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
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
        let is_in = |names: &BTreeSet<String>| names.iter().any(|rule| matches(rule, name));
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

fn matches(rule: &str, name: &str) -> bool {
    let (rule, name) = (rule.to_ascii_lowercase(), name.to_ascii_lowercase());
    rule == name || (rule.starts_with('.') && name.ends_with(&rule))
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
        let by_host = || match host {
            Some(host) => refused(&outbound.hosts, rules, "host", host),
            // Whom it would ask is unknown, so a list of those who may be asked has it not.
            None if outbound.hosts.allow.is_some() => Some(Refusal {
                rule: rules.0,
                detail: "the fetcher does not say which host it would ask".to_owned(),
            }),
            None => None,
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
