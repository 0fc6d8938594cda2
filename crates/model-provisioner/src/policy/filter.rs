use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::refusal::Refusal;
use crate::host::{normal_host, without_port};

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
    pub(super) fn refusal(
        &self,
        rules: (&'static str, &'static str),
        kind: &str,
        name: &str,
    ) -> Option<Refusal> {
        let is_in = |names: &BTreeSet<String>| names.iter().any(|entry| matches(entry, name));
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
    pub(super) fn of_hosts(&self) -> Self {
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

    pub(super) fn is_empty(&self) -> bool {
        self.allow.is_none() && self.deny.is_empty()
    }
}

fn matches(entry: &str, name: &str) -> bool {
    let (entry, name) = (entry.to_ascii_lowercase(), name.to_ascii_lowercase());
    entry == name || (entry.starts_with('.') && name.ends_with(&entry))
}
